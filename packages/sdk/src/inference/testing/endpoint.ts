// An endpoint on a chain of its own, whose worker proves itself as any does, with an engine that a test says.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { openLease, registerWorker, reportDataOf, signBid } from '@cloister/chain'
import {
  type ChargeJson,
  CloisterError,
  hashManifest,
  purposeTypedData,
  receiptToJson,
  receiptTypedData,
  toProblem,
} from '@cloister/core'
import { coverWorker, type DevelopmentChain, startDevelopmentChain } from '@cloister/development/chain'
import { fundDevelopmentAccount } from '@cloister/development/faucet'
import type { DevelopmentPlatform } from '@cloister/development/root'
import {
  attestationData,
  decodeQuestion,
  type EndpointOptions,
  encodeAnswerHead,
  evidenceDigest,
  type InferenceReceipt,
  inferenceManifest,
  LEASE_HEADER,
  NONE,
  type QuestionHead,
  RECEIPT_HEADER,
  type ReceiptDetails,
  receiptContent,
  SEALED_ANSWER_TYPE,
  sealedContext,
} from '@cloister/inference/protocol'
import { generateKeyPair, type KeyPair, openQuestion } from '@cloister/secrets'
import { type WorkerEvidence, workloadFreshness } from '@cloister/workload/wire'
import { type Address, bytesToHex, concat, type Hex, sha256, zeroHash } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'

/** Digest of the door's image that the stage's network believes. */
export const DOOR = `sha256:${'d0'.repeat(32)}`

/** An endpoint's options: a small model in a container beside the door. */
export function optionsOf(changes: Partial<EndpointOptions> = {}): EndpointOptions {
  return {
    version: 1,
    door: DOOR,
    engine: {
      image: 'cloister/llama-server:1',
      digest: `sha256:${'e1'.repeat(32)}`,
      port: 8080,
      memoryMiB: 256,
      cpuMilli: 500,
    },
    model: 'tiny',
    weights: { digest: `sha256:${'aa'.repeat(32)}` },
    contextLength: 512,
    concurrency: 2,
    endpoints: ['chat'],
    ...changes,
  }
}

/** What an engine answers: pieces of a body, one after the other. */
export type Engine = (
  head: QuestionHead,
  body: Uint8Array,
) => { status?: number; headers?: Record<string, string>; pieces: AsyncIterable<string> | Iterable<string> }

export interface InferenceStage {
  chain: DevelopmentChain
  /** Covers a worker and opens a lease on it that runs what `options` say; nobody answers for it yet. */
  lease(options: EndpointOptions): Promise<Leased>
  stop(): Promise<void>
}

/** A lease on a worker of its own. */
export interface Leased {
  lease: Hex
  worker: ReturnType<typeof privateKeyToAccount>
  provider: Address
  platform: DevelopmentPlatform
  options: EndpointOptions
}

export async function startInferenceStage(): Promise<InferenceStage> {
  const chain = await startDevelopmentChain()
  chain.network.inferenceImages = [DOOR]
  const [provider, tenant] = [chain.wallet(1), chain.wallet(4)]
  await fundDevelopmentAccount(chain.wallet(0), tenant.account.address)
  const token = chain.network.tokens.find(({ symbol }) => symbol === 'USDC')
  if (!token) throw new Error('The development network has no USDC.')
  return {
    chain,
    async lease(options) {
      const worker = privateKeyToAccount(generatePrivateKey())
      const platform = await chain.root.manufacture()
      const room = { cpuMilli: 4000, memoryMiB: 4096, diskMiB: 4096, gpus: 0, gpuClass: '' }
      await registerWorker(provider, worker, { ...room, endpoint: 'http://127.0.0.1:1' })
      await coverWorker(provider, platform, worker)
      const bid = await signBid(chain.network, worker, {
        tenant: tenant.account.address,
        worker: worker.address,
        token: token.address,
        ratePerSecond: 1n,
        minimumDeposit: 0n,
        expiry: Number((await tenant.client.getBlock()).timestamp) + 600,
        room: 0n,
        noticeMinutes: 0,
        manifestHash: hashManifest(inferenceManifest(options)),
        order: zeroHash,
        salt: 1n,
      })
      const { id: lease } = await openLease(tenant, bid, 10_000n)
      return { lease, worker, provider: provider.account.address, platform, options }
    },
    stop: () => chain.stop(),
  }
}

/** What stands between a client and an endpoint may do to what it says. */
export interface Attack {
  /** Of its evidence. */
  attestation?(said: Record<string, unknown>): unknown
  /** Of a sealed answer's pieces, as they lie on the wire. */
  answer?(pieces: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>
  /** Answers a request in the endpoint's place, where it returns true. */
  instead?(request: IncomingMessage, response: ServerResponse): boolean
  receipt?(file: InferenceReceipt): unknown
}

/** A stand-in for the door: evidence, sealed requests and receipts as it has them. */
export class FakeDoor {
  attack: Attack = {}
  /** Questions that came, opened. */
  asked: { head: QuestionHead; body: string }[] = []
  /** Bodies of sealed requests, as they came. */
  sealed: Uint8Array[] = []
  evidenceAsked = 0
  url = ''
  private keys: KeyPair
  private sequence = 0n
  private readonly authorizer = privateKeyToAccount(generatePrivateKey()).address
  private readonly receipts = new Map<string, InferenceReceipt>()
  private readonly chain: DevelopmentChain
  private readonly leased: Leased
  private readonly engine: Engine
  private readonly server = createServer((request, response) => {
    this.answer(request, response).catch((error) => {
      if (response.headersSent) return response.destroy()
      const problem = toProblem(error)
      response.writeHead(problem.status, { 'content-type': 'application/problem+json' })
      response.end(JSON.stringify(problem))
    })
  })

  private constructor(chain: DevelopmentChain, leased: Leased, engine: Engine, keys: KeyPair) {
    this.chain = chain
    this.leased = leased
    this.engine = engine
    this.keys = keys
  }

  static async start(chain: DevelopmentChain, leased: Leased, engine: Engine): Promise<FakeDoor> {
    const door = new FakeDoor(chain, leased, engine, await generateKeyPair())
    await new Promise<void>((done) => door.server.listen(0, '127.0.0.1', done))
    door.url = `http://127.0.0.1:${(door.server.address() as AddressInfo).port}`
    return door
  }

  close(): void {
    this.server.close()
    this.server.closeAllConnections()
  }

  /** As it is after a start on another machine, or of another manifest: nothing sealed before opens. */
  async changeKey(): Promise<void> {
    this.keys = await generateKeyPair()
  }

  /** What it says of itself where nobody asked with a number. */
  said(nonce: Hex = NONE) {
    return this.attestation(nonce)
  }

  /** Answers in another's place. */
  forward(request: IncomingMessage, response: ServerResponse): void {
    this.server.emit('request', request, response)
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://door')
    const json = (value: unknown) =>
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value))
    if (pathname === '/v1/attestation') {
      this.evidenceAsked++
      const said = await this.attestation((searchParams.get('nonce') ?? NONE) as Hex)
      return void json(this.attack.attestation ? await this.attack.attestation({ ...said }) : said)
    }
    const receipt = this.receipts.get(pathname.replace('/v1/receipts/', ''))
    if (receipt) return void json((await this.attack.receipt?.(receipt)) ?? receipt)
    if (request.method !== 'POST') throw new CloisterError('not-found', 'There is no such thing.')
    if (this.attack.instead?.(request, response)) return
    await this.answerSealed(request, response)
  }

  private async attestation(nonce: Hex) {
    const { lease, worker, options } = this.leased
    const facts = { lease, sealingKey: bytesToHex(this.keys.publicKey), authorizer: this.authorizer, nonce }
    return {
      ...facts,
      manifestHash: hashManifest(inferenceManifest(options)),
      worker: worker.address,
      chainId: this.chain.network.chainId,
      options,
      evidence: await this.quote(attestationData(facts)),
    }
  }

  /** Evidence of the lease's worker over 32 bytes, as its agent makes it. */
  async quote(data: Hex): Promise<WorkerEvidence> {
    const { network, root } = this.chain
    const { lease, worker, provider, platform, options } = this.leased
    const freshness = workloadFreshness(lease, hashManifest(inferenceManifest(options)), data)
    const bound = { provider, worker: worker.address, tlsKeyHash: zeroHash }
    return {
      worker: worker.address,
      signature: await worker.signTypedData(purposeTypedData(freshness, network.chainId)),
      kind: 'tdx',
      tlsKeyHash: zeroHash,
      quote: Buffer.from(platform.quote(reportDataOf(network, bound, freshness))).toString('base64'),
      endorsements: await root.endorsements(),
    }
  }

  private async answerSealed(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part)
    const sealed = new Uint8Array(Buffer.concat(parts))
    this.sealed.push(sealed)
    const { lease } = this.leased
    if (request.headers[LEASE_HEADER] !== lease) throw new CloisterError('not-found', 'Another lease.')
    const { question, sealAnswer } = await openQuestion(
      this.keys.privateKey,
      sealed,
      sealedContext(lease),
    ).catch((cause) => {
      throw new CloisterError('key-changed', 'This was sealed to another key.', { cause })
    })
    const { head, body } = decodeQuestion(question)
    this.asked.push({ head, body: Buffer.from(body).toString() })
    const { status = 200, headers = {}, pieces } = this.engine(head, body)
    const id = `rcpt_${lease.slice(2, 10)}${bytesToHex(crypto.getRandomValues(new Uint8Array(12))).slice(2)}`
    const said: Uint8Array[] = []
    const wire: Uint8Array[] = []
    async function* opened() {
      yield encodeAnswerHead({ status, headers: { ...headers, [RECEIPT_HEADER]: id } })
      for await (const piece of pieces) {
        said.push(Buffer.from(piece))
        yield said.at(-1) as Uint8Array
      }
    }
    response.writeHead(200, { 'content-type': SEALED_ANSWER_TYPE })
    const last: Uint8Array[] = []
    const framed = sealAnswer(opened())
    const sent = async function* () {
      for await (const piece of framed) {
        wire.push(piece)
        last.push(piece)
        // The last is held back until the receipt is there.
        if (last.length > 1) yield last.shift() as Uint8Array
      }
    }
    const held = sent()
    const onWire = this.attack.answer
      ? this.attack.answer(all(held, last, () => keep()))
      : all(held, last, () => keep())
    const keep = async () => {
      const hashes = {
        request: sha256(body),
        requestSealed: sha256(sealed),
        response: sha256(concat(said)),
        responseSealed: sha256(concat(wire)),
      }
      this.receipts.set(id, await this.receipt(id, head.path, hashes, status))
    }
    let isGone = false
    response.once('close', () => (isGone = true))
    for await (const piece of onWire) {
      if (isGone) break
      response.write(piece)
    }
    response.end()
  }

  private receipt(
    id: string,
    endpoint: string,
    hashes: Pick<ReceiptDetails, 'request' | 'requestSealed' | 'response' | 'responseSealed'>,
    status: number,
  ): Promise<InferenceReceipt> {
    return this.signDetails({ id, endpoint, ...hashes, status }, {})
  }

  /** A receipt for an answer in the open, which the lease's worker signed; changed as a test says. */
  signFor(
    { request, response }: { request: Uint8Array; response: Uint8Array },
    details: Partial<ReceiptDetails>,
    charge: Partial<ChargeJson>,
  ): Promise<InferenceReceipt> {
    return this.signDetails({ request: sha256(request), response: sha256(response), ...details }, charge)
  }

  private async signDetails(details: Partial<ReceiptDetails>, charge: Partial<ChargeJson>) {
    const { lease, options } = this.leased
    const now = Date.now()
    return this.sign({
      details: {
        version: 1,
        id: `rcpt_${lease.slice(2, 10)}${'0'.repeat(24)}`,
        lease,
        manifestHash: hashManifest(inferenceManifest(options)),
        model: options.model,
        weights: options.weights?.digest ?? null,
        endpoint: '/v1/chat/completions',
        request: NONE,
        requestSealed: null,
        response: NONE,
        responseSealed: null,
        status: 200,
        outcome: 'complete',
        evidence: evidenceDigest((await this.attestation(NONE)).evidence),
        receivedAt: now,
        firstByteAt: now,
        endedAt: now,
        ...details,
      },
      charge: {
        offer: NONE,
        channel: NONE,
        input: '7',
        cached: '0',
        output: '3',
        amount: '0',
        total: '0',
        ...charge,
      },
    })
  }

  /** A receipt of the lease's worker for what a test says. */
  async sign({ details, charge }: Pick<InferenceReceipt, 'details' | 'charge'>): Promise<InferenceReceipt> {
    const { network } = this.chain
    const { lease, worker } = this.leased
    const receipt = {
      worker: worker.address,
      lease,
      era: 1n,
      sequence: this.sequence++,
      content: receiptContent({ details, charge }),
    }
    const typed = receiptTypedData(receipt, network.chainId, network.contracts.workers)
    const signed = receiptToJson({ ...receipt, signature: await worker.signTypedData(typed) })
    return { details, charge, signed }
  }
}

/** All pieces of `held`; those that it holds back after `before`. */
async function* all(
  held: AsyncIterable<Uint8Array>,
  last: Uint8Array[],
  before: () => Promise<void>,
): AsyncGenerator<Uint8Array> {
  yield* held
  await before()
  yield* last
}
