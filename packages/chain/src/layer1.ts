import { address } from '@cloister/core'
import * as z from 'zod'

/** Names of a chain go to terminals. */
const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9 .-]{0,31}$/)
const url = z.string().max(2_048).refine(isHttp, 'not an http(s) URL')
const symbol = z.string().regex(/^[A-Z]{1,10}$/)

/**
 * The chain below a layer 2 of the OP Stack: where deposits begin and withdrawals end. Contracts are named as
 * in specs/protocol/overview.md; those of layer 2 have the same addresses everywhere.
 */
export const Layer1 = z.strictObject({
  name,
  chainId: z.int().positive(),
  rpcUrl: url,
  /** Milliseconds between two looks at the chain. */
  pollingIntervalMs: z.int().min(20).max(60_000),
  contracts: z.strictObject({
    /** Takes deposits, and ends withdrawals that were proved. */
    portal: address,
    /** Knows which outputs of layer 2 were proposed. */
    disputeGameFactory: address,
    messenger: address,
    /** Holds tokens that are deposited. */
    standardBridge: address,
    systemConfig: address,
    /** Makes forms of tokens of layer 2. */
    mintableFactory: address,
  }),
  /** What proves outputs. Only on a development network may that be nothing. */
  proofs: z.enum(['validity', 'simulated']),
  /** Tokens that have a form on either chain. */
  tokens: z
    .array(z.strictObject({ symbol, decimals: z.int().min(0).max(36), address, layer2: address }))
    .max(64),
})

export type Layer1 = z.infer<typeof Layer1>
/** A token of layer 1 and what it is on layer 2. */
export type BridgedToken = Layer1['tokens'][number]

function isHttp(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)
}
