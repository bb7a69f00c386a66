// Leases compute for a Compose file from a program, checks what it leased, asks it, and gives it back.
//
//   PRIVATE_KEY=0x… node deploy.ts network.json compose.yaml
import { readFileSync } from 'node:fs'
import { createCloister, leases, parseManifest, parsePolicy, verify } from '@cloister/sdk'
import { loadNetwork } from '@cloister/sdk/node'
import { privateKeyToAccount } from 'viem/accounts'

const [networkFile = 'network.json', file = 'compose.yaml'] = process.argv.slice(2)
const network = loadNetwork(networkFile)
const account = privateKeyToAccount(process.env['PRIVATE_KEY'] as `0x${string}`)
const cloister = createCloister({ network, account })

const { manifest } = parseManifest(readFileSync(file, 'utf8'), { file, env: {} })
const deployed = await leases.deploy(cloister, {
  manifest,
  pay: 'USDC',
  // Two hours of whatever the cheapest worker asks.
  deposit: ({ bid }) => bid.ratePerSecond * 7200n,
  policy: parsePolicy(network.development ? '' : 'root=intel,tcb=UpToDate', network.development),
  onStep: (step, detail) => console.error(step, detail),
})
try {
  const { verdict } = await verify.check(cloister, deployed.lease)
  console.log(verdict.sentence)

  const [route] = deployed.routes
  const url = route?.loopbackUrl ?? route?.url ?? ''
  console.log(url, (await fetch(url)).status)
} finally {
  const { spent, refund } = await leases.close(cloister, deployed.lease)
  console.log(`It cost ${spent} base units; ${refund} are back.`)
}
