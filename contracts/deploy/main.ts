// Deploys a network's contracts on its layer 2: main.ts SETTINGS.json NETWORK.json [--run]
// SETTINGS is the network's description without what deploying finds out, and what `Settings` adds. Without
// --run it says which contracts there will be and what they will answer. With it, the account of
// CLOISTER_DEPLOYER_KEY sends. NETWORK is written once the chain says what the plan says.
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { connectChain, Network } from '@cloister/chain'
import { address, bytes32, CloisterError, hexBytes, messageOf } from '@cloister/core'
import { parseLeaves } from '@cloister/migration'
import { zeroHash } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { z } from 'zod'
import { ARTIFACTS } from './artifacts.ts'
import { checkDeployment } from './check.ts'
import { withClaims } from './claims.ts'
import { deployNetwork } from './network.ts'
import { LAYER2 } from './networks/layer2.ts'
import type { Plan, Value } from './plan.ts'

const number = z.int().min(0)
const Settings = Network.omit({
  contracts: true,
  deployedAt: true,
  emissionStart: true,
  tokens: true,
}).extend({
  usdc: address,
  /** When emission begins, Unix seconds: a full hour. */
  emissionStart: number.refine((seconds) => seconds % 3600 === 0, 'not a full hour'),
  /** TCB floors of families of platforms, and measurements, as Admission's constructor takes them. */
  floors: z.array(
    z.strictObject({
      fmspc: hexBytes,
      floor: z.strictObject({
        componentSvns: hexBytes,
        pceSvn: number,
        qeSvn: number,
        expiry: number,
        tdxSvns: hexBytes,
        moduleSvns: hexBytes,
      }),
    }),
  ),
  measurements: z.array(z.strictObject({ measurement: bytes32, roles: z.int().min(1).max(3) })),
  /** What instances of the key service run: SHA-256 of the canonical manifest; a ballot says it otherwise. */
  keyServiceManifest: bytes32.default(zeroHash),
  /** An old chain whose token the network's continues. */
  oldChain: z
    .strictObject({
      /** What its accounts own, as `cloister migrate snapshot` wrote it: a path from the settings' folder. */
      leaves: z.string(),
      /** Claims are taken until then, Unix seconds. */
      until: number,
    })
    .optional(),
})

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: { run: { type: 'boolean', default: false } },
    allowPositionals: true,
  })
  const [from, to] = positionals
  if (from === undefined || to === undefined)
    throw new CloisterError('bad-option', 'Name the settings and where the network’s description is to go.')
  const { usdc, emissionStart, floors, measurements, keyServiceManifest, oldChain, ...undeployed } =
    settingsIn(from)
  const plan = oldChain ? withClaims(LAYER2, oldChainOf(oldChain, from)) : LAYER2
  if (undeployed.development)
    throw new CloisterError('bad-config', 'Development networks deploy themselves: use `npm start`.')
  if (!values.run) return describe(plan)
  const deployed = await deployNetwork(
    undeployed,
    privateKeyToAccount(bytes32.parse(process.env['CLOISTER_DEPLOYER_KEY'])),
    {
      plan,
      artifacts: ARTIFACTS,
      accounts: {},
      given: { emissionStart, stable: usdc, floors, measurements, keyServiceManifest },
    },
    { symbol: 'USDC', decimals: 6, address: usdc },
  )
  const { network, deployment } = deployed
  const differences = await checkDeployment(connectChain(network), deployment)
  for (const { what, planned, found } of differences)
    console.error(`✘ ${what} should be ${planned} and is ${found}`)
  if (differences.length > 0)
    throw new CloisterError('deploy-failed', 'The contracts are not as planned. Use none of them.')
  writeFileSync(to, `${JSON.stringify(network, null, 2)}\n`)
}

function settingsIn(path: string): z.infer<typeof Settings> {
  const parsed = Settings.safeParse(JSON.parse(readFileSync(path, 'utf8')))
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw new CloisterError('bad-config', `${path} is wrong at ${issue?.path.join('.')}: ${issue?.message}.`)
}

/** Root and sum come out of the leaves themselves, so that nobody's claim finds nothing left. */
function oldChainOf({ leaves, until }: NonNullable<z.infer<typeof Settings>['oldChain']>, from: string) {
  const { tree, total } = parseLeaves(readFileSync(join(dirname(from), leaves), 'utf8'))
  return { root: tree.root, total, until: BigInt(until) }
}

/** Says what there will be, in the plan's own names. */
function describe(plan: Plan): void {
  for (const { name, contract } of plan.contracts) {
    console.log(`${name} (${contract})`)
    for (const { of, view, args, is } of plan.facts)
      if (of === name) console.log(`  ${view}(${args.map(written).join(', ')}) will be ${written(is)}`)
  }
  for (const step of plan.steps)
    if ('function' in step)
      console.log(`the deployer sends ${step.to}.${step.function}(${step.args.map(written).join(', ')})`)
}

function written(value: Value): string {
  return typeof value === 'object' ? String(Object.values(value)[0]) : String(value)
}

try {
  await main()
} catch (error) {
  console.error(`✘ ${messageOf(error)}`)
  process.exitCode = 1
}
