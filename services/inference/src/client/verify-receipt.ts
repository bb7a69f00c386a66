import {
  type Chain,
  findAnchoredRoot,
  getCoverageHistory,
  getLease,
  getManifestHistory,
  getOffersOf,
  type OfferAnnounced,
} from '@cloister/chain'
import { CloisterError, hashManifest } from '@cloister/core'
import { type Address, type Hex, sha256 } from 'viem'
import { inferenceManifest } from '../manifest.ts'
import { NONE } from '../protocol/constants.ts'
import { type EndpointOptions, readEndpointOptions } from '../protocol/options.ts'
import { checkReceipt, InferenceReceipt } from '../protocol/receipt.ts'

/** Seconds that a worker's clock may be off the chain's. */
const CLOCK_SECONDS = 120
const MILLISECONDS = 1_000

/** What of a receipt is checked. */
export type VerifiedStepName =
  | 'content'
  | 'signature'
  | 'lease'
  | 'price'
  | 'proof'
  | 'worker'
  | 'coverage'
  | 'manifest'
  | 'model'
  | 'anchor'
  | 'request'
  | 'response'

/** One thing that was checked: it holds, it doesn't, or nobody can tell from what there is. */
export interface VerifiedStep {
  step: VerifiedStepName
  outcome: 'holds' | 'fails' | 'unknown'
  /** One sentence. */
  says: string
}

/** What a receipt proves. */
export interface VerifiedReceipt {
  /** No step fails. Steps that are `unknown` are not proven. */
  ok: boolean
  /** The machine was software, under a development network's root: nothing was confidential. */
  simulated: boolean
  /** One sentence for people. */
  sentence: string
  steps: VerifiedStep[]
  /** What it doesn't prove, sentence by sentence. */
  limits: string[]
  receipt: InferenceReceipt
  worker: Address
  /** The options that the lease's manifest was made of, where the lease published them. */
  options: EndpointOptions | undefined
  /** The offer that the answer was charged by. */
  offer: OfferAnnounced | undefined
}

export interface ReceiptSubject {
  /** Bytes of the request's body, as they were sent. */
  request?: Uint8Array | undefined
  /** Bytes of the answer's body, as they came; of a stream with its framing. */
  response?: Uint8Array | undefined
  /** Options of the endpoint, where its lease published none: the manifest's hash proves them. */
  options?: EndpointOptions | undefined
}

/**
 * Holds a receipt against the chain, today or a year later: the worker's key signed it, the worker was
 * registered and covered then, the lease was its own and was to run this manifest, which has this model and
 * these weights, the price is the offer's, and the batch that it is in is anchored. Nobody else is asked or
 * believed. Throws `bad-receipt` for what is no receipt, and `chain-unreachable`.
 */
export async function verifyReceipt(
  chain: Chain,
  file: unknown,
  subject: ReceiptSubject = {},
): Promise<VerifiedReceipt> {
  const receipt = parseReceipt(file)
  const { details, charge, signed, proof } = receipt
  const { network } = chain
  const lease = details.lease
  const [onChain, offers, manifests, coverage, root] = await Promise.all([
    getLease(chain, lease),
    getOffersOf(chain, lease),
    getManifestHistory(chain, lease),
    getCoverageHistory(chain, signed.worker),
    proof && findAnchoredRoot(chain, { lease, era: BigInt(proof.era), index: proof.index }),
  ])
  const offer = offers.find(({ id }) => id === charge.offer)
  const own = await checkReceipt(receipt, {
    chainId: network.chainId,
    workers: network.contracts.workers,
    prices: offer,
  })
  const steps: VerifiedStep[] = own.steps.map(({ step, ok, says }) => ({
    step,
    outcome: ok ? 'holds' : 'fails',
    says,
  }))
  const say = (step: VerifiedStepName, ok: boolean | undefined, says: string) =>
    steps.push({ step, outcome: ok === undefined ? 'unknown' : ok ? 'holds' : 'fails', says })

  const isOwn = onChain.state !== 'none' && onChain.worker === signed.worker
  say(
    'worker',
    isOwn,
    isOwn
      ? `The chain has lease ${short(lease)} on worker ${signed.worker}.`
      : onChain.state === 'none'
        ? `The chain has no lease ${short(lease)}.`
        : `The chain has lease ${short(lease)} on another worker, ${onChain.worker}.`,
  )
  const [from, until] = [details.receivedAt, details.endedAt].map((time) => Math.floor(time / MILLISECONDS))
  const isCovered = coversAll(coverage, from ?? 0, until ?? 0)
  say(
    'coverage',
    isCovered,
    isCovered
      ? `The worker was covered by an attestation then, ${when(details.receivedAt)}.`
      : `The chain has no attestation of the worker that covers ${when(details.receivedAt)}.`,
  )
  const ran = manifests.some(
    ({ manifestHash, since }, at) =>
      manifestHash === details.manifestHash &&
      since <= (until ?? 0) + CLOCK_SECONDS &&
      (manifests[at + 1]?.since ?? Number.POSITIVE_INFINITY) >= (from ?? 0) - CLOCK_SECONDS,
  )
  say(
    'manifest',
    ran,
    ran
      ? `The lease was to run the manifest ${short(details.manifestHash)} then.`
      : `The lease was not to run the manifest ${short(details.manifestHash)} then.`,
  )
  const options = optionsOf(details.manifestHash, offers, subject.options)
  sayModel(say, receipt, options)
  if (charge.offer !== NONE && !offer)
    say('price', false, `The lease never offered ${short(charge.offer)}, which the answer is charged by.`)
  else if (offer)
    say('price', true, `The chain has the offer ${short(charge.offer)} as this lease's, at these prices.`)
  if (proof) {
    const isThere = root === proof.root
    say(
      'anchor',
      isThere,
      isThere
        ? `The root of its batch is on chain: nobody has changed it since.`
        : `The chain has another root for batch ${proof.index}, or none.`,
    )
  } else say('anchor', undefined, 'It comes without a proof: its batch may not be anchored yet.')
  for (const [name, bytes, hash] of [
    ['request', subject.request, details.request],
    ['response', subject.response, details.response],
  ] as const) {
    if (!bytes) continue
    const isSame = sha256(bytes) === hash
    const what = name === 'request' ? 'The request' : 'The answer'
    say(
      name,
      isSame,
      isSame ? `${what} that you have is the one that was signed.` : `${what} that you have is another one.`,
    )
  }
  const failed = steps.find(({ outcome }) => outcome === 'fails')
  const simulated = network.development
  return {
    ok: failed === undefined,
    simulated,
    sentence: sentenceOf(receipt, { failed, simulated, options }),
    steps,
    limits: limitsOf(receipt, { simulated, options, subject }),
    receipt,
    worker: signed.worker,
    options,
    offer,
  }
}

function parseReceipt(file: unknown): InferenceReceipt {
  const parsed = InferenceReceipt.safeParse(file)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw new CloisterError(
    'bad-receipt',
    `That is no receipt, at ${issue?.path.join('.') || 'its root'}: ${issue?.message}.`,
    { hint: 'A receipt is JSON with details, charge and signed, as GET /v1/receipts/{id} gives it.' },
  )
}

/** The options that a manifest was made of, out of any that are said: the hash proves them. */
function optionsOf(
  manifestHash: Hex,
  offers: readonly OfferAnnounced[],
  given: EndpointOptions | undefined,
): EndpointOptions | undefined {
  const makes = (options: EndpointOptions) => hashManifest(inferenceManifest(options)) === manifestHash
  for (const options of [given, ...offers.map(({ options }) => readOr(options))])
    try {
      if (options && makes(options)) return options
    } catch {
      // Options that make no manifest are not those of this one.
    }
  return undefined
}

function readOr(text: string): EndpointOptions | undefined {
  try {
    return readEndpointOptions(text)
  } catch {
    return undefined
  }
}

function sayModel(
  say: (step: VerifiedStepName, ok: boolean | undefined, says: string) => void,
  { details }: InferenceReceipt,
  options: EndpointOptions | undefined,
): void {
  if (!options)
    return void say(
      'model',
      undefined,
      `Nobody published what the manifest is made of, so that the model ${details.model} is the endpoint's word.`,
    )
  const isServed = [options.model, ...(options.aliases ?? [])].includes(details.model)
  const isWeighed = (options.weights?.digest ?? null) === details.weights
  if (!isServed || !isWeighed)
    return void say(
      'model',
      false,
      `The manifest serves ${options.model}, of other weights or by another name.`,
    )
  say(
    'model',
    true,
    options.weights
      ? `The manifest serves ${details.model}, of the weights ${options.weights.digest.slice(0, 19)}….`
      : `The manifest serves ${details.model}; it names no weights.`,
  )
}

/** Whether spans of coverage leave nothing out between two instants. */
function coversAll(spans: readonly { start: number; until: number }[], from: number, until: number): boolean {
  return spans.some((span) => span.start - CLOCK_SECONDS <= from && until <= span.until + CLOCK_SECONDS)
}

function sentenceOf(
  { details, signed }: InferenceReceipt,
  {
    failed,
    simulated,
    options,
  }: { failed: VerifiedStep | undefined; simulated: boolean; options: EndpointOptions | undefined },
): string {
  if (failed) return `Do not trust this receipt: ${failed.says}`
  const how = {
    complete: 'answered',
    cancelled: 'was answering, when the client left,',
    failed: 'failed to answer',
  }
  const what = options ? `The model ${details.model}` : `An endpoint that calls its model ${details.model}`
  const said = `${what} on worker ${signed.worker} ${how[details.outcome]} this request on ${when(details.endedAt)}.`
  return simulated
    ? `Simulated: ${said} Every check holds, but the machine is software, so nothing was confidential.`
    : said
}

function limitsOf(
  { details }: InferenceReceipt,
  {
    simulated,
    options,
    subject,
  }: { simulated: boolean; options: EndpointOptions | undefined; subject: ReceiptSubject },
): string[] {
  return [
    ...(simulated
      ? ['A development network’s machines are software: the receipt shows the form, and no more.']
      : []),
    ...(subject.request && subject.response
      ? []
      : ['It has hashes alone: give the request and the answer to prove what was asked and said.']),
    'It does not say that the answer is right.',
    ...(options && 'url' in options.engine
      ? [
          'The engine ran outside of the attested machine: its operator could read along and answer with another model.',
        ]
      : [
          'That the engine ran the weights is as sure as the engine’s image, which the manifest names by digest.',
        ]),
    ...(details.requestSealed === null
      ? ['The request came to the worker unsealed: a gateway on the way could read it.']
      : []),
    'Times are by the worker’s clock, between the chain’s attestations.',
  ]
}

function short(hex: Hex): string {
  return `${hex.slice(0, 10)}…`
}

function when(milliseconds: number): string {
  return new Date(milliseconds)
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z$/, ' UTC')
}
