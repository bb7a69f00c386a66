import { intelRoot, type TrustRoot, trustRoot } from '@cloister/attest'
import { address, CloisterError, fromBase64 } from '@cloister/core'
import * as z from 'zod'
import { Layer1 } from './layer1.ts'

const url = z.string().refine((text) => URL.canParse(text), 'not a URL')

/** Where a network is: its chain, contracts, tokens and public interfaces. Written by whoever runs one. */
export const Network = z.object({
  name: z.string().regex(/^[a-z0-9-]{1,32}$/),
  chainId: z.int().positive(),
  rpcUrl: url,
  /**
   * Where the node tells of new blocks by itself (WebSocket, `eth_subscribe`); it is looked at every
   * `pollingIntervalMs` without.
   */
  wsUrl: url.optional(),
  /** Milliseconds between two looks at the chain. */
  pollingIntervalMs: z.int().min(20).max(60_000),
  contracts: z.object({
    /** Which platforms are new enough and which guests may serve, by measurement. */
    admission: address,
    platforms: address,
    workers: address,
    market: address,
    apps: address,
    keyService: address,
    stake: address,
    emission: address,
    slashing: address,
    /** Pays whoever posts revocation lists back. */
    revocationFund: address,
    /** Owns all of them, and has what is the treasury's: does what ballots say. */
    safe: address,
    /** Models' prices, purses, channels and vouchers, where the network has models paid by the token. */
    vouchers: address.optional(),
    /** Roots of workers' receipts. */
    receipts: address.optional(),
    /** Addresses that payments of other protocols are sent to. */
    receivers: address.optional(),
    /** Pays what accounts of an old chain owned, where the network continues one's token. */
    claims: address.optional(),
    /** Has ballots proposed, voted on and carried out, where the network is governed by them. */
    ballots: address.optional(),
    /** The community pool, which pays grants by milestones. */
    grants: address.optional(),
    /** Divides fees and emission between the treasury and the community pool. */
    splitter: address.optional(),
    /** Those who are elected to veto; and the technical committee. */
    council: address.optional(),
    committee: address.optional(),
  }),
  /** Block the contracts were deployed in. */
  deployedAt: z.int().min(0),
  /** When emission begins, Unix seconds. */
  emissionStart: z.int().min(0),
  tokens: z
    .array(z.object({ symbol: z.string().regex(/^[A-Z]{1,10}$/), decimals: z.int().min(0).max(36), address }))
    .min(1),
  indexerUrl: url,
  gatewayUrl: url,
  /** Takes votes and publishes them. Anybody may run another one. */
  hubUrl: url.optional(),
  /**
   * Keys that the hub signs receipts with, each since when (Unix seconds), until the next one; any key where
   * none is named.
   */
  hubKeys: z
    .array(z.object({ key: address, since: z.int().min(0) }))
    .max(64)
    .optional(),
  attestation: z.object({
    /** Where endorsements are to be had, in the form of Intel's PCS (API v4). */
    endorsementsUrl: url,
    /** Key set (JWKS) that tokens about GPUs are signed with; NVIDIA's if not given. */
    gpuKeysUrl: url.default('https://nras.attestation.nvidia.com/.well-known/jwks.json'),
    /** Whose word on where machines stand is taken: Ed25519 keys in hexadecimal digits. */
    witnesses: z
      .array(z.object({ name: z.string().max(64), key: z.string().regex(/^[0-9a-f]{64}$/) }))
      .default([]),
    /** Where labels of machines are to be had: `GET <url>/<SHA-256(PPID)>` gives `{"labels": [token, …]}`. */
    labelsUrl: url.optional(),
    /**
     * Root certificate in DER, base64; Intel's if not given. Another one is for development networks only.
     */
    root: z.base64().optional(),
    /** Development networks: the folder with the root's key, where machines are made of software. */
    developmentFolder: z.string().optional(),
  }),
  /**
   * Digests (`sha256:…`) of the inference door's images that clients of the network believe: prompts are
   * sealed to no other program.
   */
  inferenceImages: z
    .array(z.string().regex(/^sha256:[0-9a-f]{64}$/))
    .max(64)
    .optional(),
  /**
   * Digests of engines' images that clients of the network believe, where they don't name others: an engine
   * reads prompts, and whoever leases an endpoint chooses it. Any engine inside of the lease, if not given.
   */
  inferenceEngines: z
    .array(z.string().regex(/^sha256:[0-9a-f]{64}$/))
    .max(256)
    .optional(),
  /** What the network's chain is a layer 2 of, where it is one that money comes to from below. */
  layer1: Layer1.optional(),
  /** A development network: its accounts are public knowledge and nothing on it is worth anything. */
  development: z.boolean(),
})

export type Network = z.infer<typeof Network>
export type Token = Network['tokens'][number]

/**
 * Checks a network's description, as read from JSON. `source` is where it comes from, for messages. Throws
 * `bad-network`.
 *
 * @example
 * ```ts
 * import { readNetwork } from '@cloister/sdk'
 *
 * const network = readNetwork(await (await fetch('/network.json')).json())
 * ```
 */
export function readNetwork(json: unknown, source = 'The network’s description'): Network {
  const parsed = Network.safeParse(json)
  if (parsed.success) {
    const network = parsed.data
    if (network.attestation.root !== undefined && !network.development)
      throw new CloisterError(
        'bad-network',
        `${source} names an attestation root of its own, which only development networks may.`,
      )
    const { layer1 } = network
    if (layer1?.proofs === 'simulated' && !network.development)
      throw new CloisterError(
        'bad-network',
        `${source} says that withdrawals are proved by nothing (“simulated”), which only development networks may.`,
      )
    if (layer1?.chainId === network.chainId)
      throw new CloisterError('bad-network', `${source} says that its layer 1 is its own chain.`)
    return network
  }
  const issue = parsed.error.issues[0]
  throw new CloisterError('bad-network', `${source} is wrong at ${issue?.path.join('.')}: ${issue?.message}.`)
}

/** The token of a symbol or address. Throws `unknown-token` naming those there are. */
export function findToken(network: Network, wanted: string): Token {
  const token = network.tokens.find(
    (t) => t.symbol === wanted.toUpperCase() || t.address.toLowerCase() === wanted.toLowerCase(),
  )
  if (token) return token
  throw new CloisterError('unknown-token', `${wanted} is not a token of ${network.name}.`, {
    hint: `Tokens: ${network.tokens.map((t) => t.symbol).join(', ')}.`,
  })
}

/**
 * The root that evidence of a network's workers has to end in. Whatever isn't Intel's is simulated. Throws
 * `bad-network`.
 */
export function trustRootOf({ attestation }: Pick<Network, 'attestation'>): TrustRoot {
  if (attestation.root === undefined) return intelRoot
  try {
    return trustRoot(fromBase64(attestation.root))
  } catch (cause) {
    throw new CloisterError('bad-network', 'The network’s attestation root is no certificate.', { cause })
  }
}
