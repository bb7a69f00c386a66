import {
  type Chain,
  getAttestationAge,
  getConfirmedGpus,
  getLease,
  getOffer,
  getOfferOf,
} from '@cloister/chain'
import { fetchJson } from '@cloister/client'
import { CloisterError, hashManifest, type Policy, resourcesOf } from '@cloister/core'
import { judgeQuote } from '@cloister/workload/judge'
import { type Address, bytesToHex, type Hex, hexToBytes } from 'viem'
import { inferenceManifest } from '../manifest.ts'
import { LEASE_HEADER } from '../protocol/constants.ts'
import { Attestation, attestationData } from '../protocol/endpoint.ts'
import type { EndpointOptions } from '../protocol/options.ts'
import type { Offer } from '../protocol/prices.ts'
import { evidenceDigest } from '../protocol/receipt.ts'
import { urlOn, type Way, wayThroughGateway } from './reach.ts'

const ANSWER_MS = 20_000
/** Evidence with endorsements and an event log, in base64. */
const MAX_BYTES = 4 * 1024 * 1024
const DEFAULT_GOOD_MS = 10 * 60_000

/** What is demanded of an endpoint, besides that its evidence be genuine. */
export interface EndpointDemands {
  /** What the machine has to be; the network's default demands, where it says nothing. */
  policy?: Partial<Policy> | undefined
  /** Digests of the door's images that are believed, besides those that the network's description lists. */
  images?: readonly string[] | undefined
  /**
   * Digests of engines' images, any of which will do; those that the network's description lists, if not
   * given, or any engine inside of the lease where it lists none.
   */
  engineImages?: readonly string[] | undefined
  /** Let an engine do that runs outside of the attested machine. Whoever runs that reads the prompts. */
  allowEngineElsewhere?: boolean | undefined
}

export interface VerifyOptions extends EndpointDemands {
  /** How to reach it; through the network's gateway, if not given. */
  way?: Way | undefined
  /** Milliseconds that what was found holds; 10 minutes, if not given. */
  goodForMs?: number | undefined
  signal?: AbortSignal | undefined
}

/** An endpoint whose evidence holds: prompts may be sealed to its key until `until`. */
export interface VerifiedEndpoint {
  lease: Hex
  worker: Address
  manifestHash: Hex
  options: EndpointOptions
  /** What it says that answers cost; undefined where nothing is billed. The chain has the terms. */
  offer: Offer | undefined
  /** X25519, raw. */
  sealingKey: Uint8Array
  /** Signs claims of channels to it. */
  authorizer: Address
  /** Prompts stay inside of the attested machine, or go to an engine elsewhere. */
  engine: 'inside' | 'elsewhere'
  /** As it came; `evidenceDigest` of its evidence is what receipts name. */
  evidence: Attestation
  evidenceDigest: Hex
  measurement: Hex
  /** The machine is software: a development network's. */
  simulated: boolean
  /** One sentence about the machine, for people. */
  sentence: string
  /** Unix milliseconds. */
  verifiedAt: number
  until: number
  way: Way
}

/**
 * Has an endpoint's worker quote a number of ours, and holds what comes back against the chain: the lease is
 * open, its manifest is the one that the endpoint's options make, the door in it is an image that is
 * believed, and the quote is by that lease's worker, for that manifest, over the key that requests are sealed
 * to. Throws `not-attested` with what doesn't hold and what to do, `not-running` for a lease that isn't open,
 * `unreachable` or `bad-answer`.
 *
 * ```ts
 * const endpoint = await verifyEndpoint(chain, lease)
 * const answer = await sealedFetch(endpoint, '/v1/chat/completions', { method: 'POST', body })
 * ```
 */
export async function verifyEndpoint(
  chain: Chain,
  lease: Hex,
  {
    way = wayThroughGateway(chain.network),
    goodForMs = DEFAULT_GOOD_MS,
    signal,
    ...demands
  }: VerifyOptions = {},
): Promise<VerifiedEndpoint> {
  const nonce = bytesToHex(crypto.getRandomValues(new Uint8Array(32)))
  const asked = ask(way, lease, nonce, signal)
  // What goes wrong with it is told where it is waited for.
  asked.catch(() => {})
  const onChain = await getLease(chain, lease)
  if (onChain.state !== 'open')
    throw new CloisterError(
      'not-running',
      `The lease ${lease.slice(0, 18)} is not open, so nobody serves it.`,
      {
        hint: 'Choose another endpoint: ask for a model and not for a lease.',
      },
    )
  const { worker, manifestHash } = onChain
  const attestation = await asked
  if (attestation.lease !== lease || attestation.nonce !== nonce)
    throw notAttested('It answered for another lease or with evidence for another question.')
  const { inferenceImages, inferenceEngines } = chain.network
  const believed = { ...demands, engineImages: demands.engineImages ?? inferenceEngines }
  const manifest = manifestOf(attestation.options, believed, inferenceImages)
  if (hashManifest(manifest) !== manifestHash)
    throw notAttested(
      `What it says that it runs is not the manifest that the chain has for its lease, ${manifestHash.slice(0, 10)}….`,
    )
  const { sealingKey, authorizer, evidence } = attestation
  const judged = await judgeQuote(
    chain,
    { worker, lease, manifestHash },
    evidence,
    attestationData({ lease, sealingKey, authorizer, nonce }),
    await machineDemands(chain, worker, demands.policy, resourcesOf(manifest)),
  ).catch((error) => {
    throw error instanceof CloisterError && error.code === 'not-attested'
      ? notAttested(error.message, error)
      : error
  })
  const offer = await offerOnChain(chain, lease, attestation.offer?.id)
  const verifiedAt = Date.now()
  return {
    lease,
    worker,
    manifestHash,
    options: attestation.options,
    offer,
    sealingKey: hexToBytes(sealingKey),
    authorizer,
    engine: 'url' in attestation.options.engine ? 'elsewhere' : 'inside',
    evidence: attestation,
    evidenceDigest: evidenceDigest(evidence),
    measurement: judged.measurement,
    simulated: judged.simulated,
    sentence: judged.sentence,
    verifiedAt,
    until: verifiedAt + goodForMs,
    way,
  }
}

function ask(way: Way, lease: Hex, nonce: Hex, signal?: AbortSignal): Promise<Attestation> {
  const limit = AbortSignal.timeout(ANSWER_MS)
  return fetchJson('The endpoint', urlOn(way, `/v1/attestation?nonce=${nonce}`), Attestation, {
    headers: { [LEASE_HEADER]: lease },
    signal: signal ? AbortSignal.any([signal, limit]) : limit,
    send: way.send,
    maxBytes: MAX_BYTES,
  })
}

/**
 * What answers cost, by the chain's word: by the offer that the endpoint names, or else the one that stands.
 * Throws `not-attested` for an offer that isn't the lease's.
 */
async function offerOnChain(chain: Chain, lease: Hex, named: Hex | undefined): Promise<Offer | undefined> {
  if (named === undefined && !chain.network.contracts.vouchers) return undefined
  const id = named ?? (await getOfferOf(chain, lease))
  if (id === undefined) return undefined
  const found = await getOffer(chain, id)
  if (found?.lease !== lease)
    throw notAttested(
      `It charges by the offer ${id.slice(0, 10)}…, which the chain does not have as its lease's.`,
    )
  return { id, ...found.terms }
}

/** The manifest of options whose parts are believed. Throws `not-attested`. */
function manifestOf(
  options: EndpointOptions,
  { images = [], engineImages, allowEngineElsewhere = false }: EndpointDemands,
  listed: readonly string[] = [],
) {
  const { engine, door } = options
  const trusted = [...listed, ...images]
  if (trusted.length === 0)
    throw notAttested(
      'Nothing says which images of the door are to be believed: the network’s description lists none.',
    )
  if (!trusted.includes(door))
    throw notAttested(
      `Its door is the image ${door.slice(0, 19)}…, which is none of those that are believed.`,
    )
  if ('url' in engine) {
    if (!allowEngineElsewhere)
      throw notAttested(
        `Its engine runs elsewhere, at ${engine.url.slice(0, 100)}: prompts would leave the attested machine.`,
      )
  } else if (engineImages && !engineImages.includes(engine.digest))
    throw notAttested(
      `Its engine is the image ${engine.digest.slice(0, 19)}…, which is none of those that are believed.`,
    )
  return inferenceManifest(options)
}

/** What is demanded of the machine, and what the chain has to say of it. */
async function machineDemands(
  chain: Chain,
  worker: Address,
  policy: Partial<Policy> = {},
  { gpus: wanted, gpuModels: models }: { gpus: number; gpuModels: readonly string[] },
) {
  const [attestedSecondsAgo, confirmed] = await Promise.all([
    policy.maxAgeSeconds === undefined ? undefined : getAttestationAge(chain, worker),
    wanted > 0 ? getConfirmedGpus(chain, worker) : undefined,
  ])
  // Outside of development networks a GPU reads along unless it is in confidential mode.
  const gpus = policy.gpus ?? (chain.network.development ? 'any' : 'confidential')
  return {
    policy: { ...policy, gpus },
    facts: {
      ...(attestedSecondsAgo !== undefined && { attestedSecondsAgo }),
      gpus: confirmed && { wanted, models, confirmed },
    },
  }
}

function notAttested(why: string, cause?: unknown): CloisterError {
  return new CloisterError('not-attested', why, {
    hint: 'Nothing was sent. Choose another endpoint, or say what else you believe: door images, engine images, a policy.',
    ...(cause !== undefined && { cause }),
  })
}
