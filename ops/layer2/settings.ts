import { readFileSync } from 'node:fs'
import { address, CloisterError } from '@cloister/core'
import { isAddressEqual, zeroAddress } from 'viem'
import * as z from 'zod'

/** A string that gets into files of other programs as it is: no quotes, no backslashes, no line ends. */
const plain = z.string().regex(/^[\x20-\x21\x23-\x5b\x5d-\x7e]{1,500}$/, 'not plain text')
const url = plain.refine((text) => URL.canParse(text), 'not a URL')
const seconds = z.int().positive()
/** Nobody's power is faster than people can leave: stake takes 21 days. */
export const LEAST_DELAY_SECONDS = 22 * 86_400
/**
 * After so long without an output anybody may propose; no longer, or withdrawals could stand still for it.
 */
const MOST_FALLBACK_SECONDS = 14 * 86_400

/** What an operator decides before the chain exists. Keys aren't among it. */
export const Settings = z
  .strictObject({
    layer1: z.strictObject({ chainId: z.int().positive(), rpcUrl: url, beaconUrl: url }),
    layer2: z.strictObject({
      chainId: z
        .int()
        .positive()
        .max(2 ** 32 - 1),
      rpcUrl: url,
      /** Gas of a block. */
      gasLimit: z.int().min(30_000_000).max(200_000_000),
      /** The least base fee, wei (Jovian). */
      minBaseFee: z
        .int()
        .min(0)
        .max(10 ** 12),
      operatorFee: z.strictObject({
        scalar: z
          .int()
          .min(0)
          .max(2 ** 32 - 1),
        constant: z.int().min(0),
      }),
    }),
    /** The timelock on layer 1 that owns everything there, and the chain's predeploys by its alias. */
    owner: address,
    /** Where fees go, on layer 2. */
    treasury: address,
    /** Accounts of the daemons' keys, and the deployer's, which has nothing afterwards. */
    accounts: z.strictObject({ deployer: address, batcher: address, sequencer: address, proposer: address }),
    /** What op-deployer takes its contracts from. */
    contracts: z.strictObject({ l1Locator: plain, l2Locator: plain, opcm: address.optional() }),
    proofs: z.strictObject({
      /** SP1's verifier gateway on layer 1, as its maker publishes it. */
      verifier: address,
      /** Blocks of layer 2 between two outputs; 7,200 are four hours. */
      intervalBlocks: z.int().min(1).max(43_200),
      finalizationSeconds: seconds.min(3_600).max(7 * 86_400),
      fallbackSeconds: seconds.max(MOST_FALLBACK_SECONDS),
    }),
  })
  .superRefine(({ owner, treasury, accounts, proofs, layer1, layer2 }, context) => {
    const wrong = (path: (string | number)[], message: string) =>
      context.addIssue({ code: 'custom', path, message })
    const all = Object.entries({ owner, ...accounts })
    for (const [name, account] of [...all, ['treasury', treasury], ['verifier', proofs.verifier]] as const)
      if (isAddressEqual(account, zeroAddress)) wrong([name], 'nobody’s address')
    for (const [at, [name, account]] of all.entries())
      for (const [other, taken] of all.slice(0, at))
        if (isAddressEqual(account, taken)) wrong([name], `the same account as ${other}: each has its own`)
    if (layer1.chainId === layer2.chainId) wrong(['layer2', 'chainId'], 'the chain id of layer 1')
  })

export type Settings = z.infer<typeof Settings>

/** Reads settings out of a file. Throws `bad-config` naming the field. */
export function readSettings(path: string): Settings {
  return readFile(path, Settings)
}

/** Reads what a file of JSON has to be. Throws `bad-config` naming the field. */
export function readFile<T>(path: string, schema: z.ZodType<T>): T {
  let json: unknown
  try {
    json = JSON.parse(readFileSync(path, 'utf8'))
  } catch (cause) {
    throw new CloisterError('bad-config', `${path} can’t be read as JSON.`, { cause })
  }
  const parsed = schema.safeParse(json)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw new CloisterError('bad-config', `${path} is wrong at ${issue?.path.join('.')}: ${issue?.message}.`)
}
