import { randomBytes } from 'node:crypto'
import { type Chain, getLease, getSeats, mayHaveKeys, type Seat } from '@cloister/chain'
import { CloisterError, loop, messageOf } from '@cloister/core'
import { appKeyPair, checkOf, generateKeyPair, open, type Part, partsOf, seal } from '@cloister/secrets'
import { type AgentSocket, judgeQuote, judgeWorker, type Self } from '@cloister/workload'
import type { SeatConsent } from '@cloister/workload/wire'
import type { Hex } from 'viem'
import {
  AppPublicKeys,
  Challenge,
  Exchange,
  ExchangeAnswer,
  type ExchangeRequest,
  exchangeAnswerData,
  exchangeData,
  type InstanceState,
  type ReleaseRequest,
  releaseContext,
  releaseFreshness,
} from '../protocol.ts'
import { Challenges } from './challenges.ts'
import { allComplete, exchangeFor, type Held, learn, partToMake } from './parts.ts'
import type { Vault } from './vault.ts'

const LOOK_MS = 1_000
const PATIENT_LOOK_MS = 15_000
const SEATS_KEPT_MS = 2_000

interface InstanceParts {
  chain: Chain
  agent: Pick<AgentSocket, 'quote' | 'call' | 'seatConsent'>
  self: Pick<Self, 'lease' | 'manifestHash'>
  vault: Vault
  /** One line for people. Never given a secret. */
  log: (line: string) => void
}

/** One of the three instances of the key service. */
export class Instance {
  readonly challenges = new Challenges()
  private readonly parts: InstanceParts
  private held: Held | undefined
  private seats: { at: number; seats: Promise<Seat[]> } | undefined
  private lastProblem = ''

  constructor(parts: InstanceParts) {
    this.parts = parts
    this.held = parts.vault.load()
  }

  get state(): InstanceState {
    const { held } = this
    return {
      lease: this.parts.self.lease,
      ...(held && { seat: held.seat }),
      open: held?.open ?? false,
      checks: held?.checks ?? {},
    }
  }

  /** Gets this seat's parts, from the others or by making them up with them, until `signal`. */
  async keep(signal: AbortSignal): Promise<void> {
    await loop(signal, async () => {
      await this.look().then(
        () => {
          this.lastProblem = ''
        },
        (error) => {
          // The same trouble once, not every second.
          if (messageOf(error) !== this.lastProblem) this.parts.log(`not yet: ${messageOf(error)}`)
          this.lastProblem = messageOf(error)
        },
      )
      return this.held?.open ? PATIENT_LOOK_MS : LOOK_MS
    })
  }

  /** What it takes to be seated. Throws `forbidden` where the worker's provider gives no seat. */
  consent(): Promise<SeatConsent> {
    return this.parts.agent.seatConsent()
  }

  /** An app's public keys, of the parts held here. Throws `not-open`. */
  async publicKeys(app: Hex): Promise<AppPublicKeys> {
    const { seat, secrets } = await this.serving()
    const pairs = await Promise.all(
      secrets.map(
        async ([part, secret]) => [part, base64((await appKeyPair(secret, app)).publicKey)] as const,
      ),
    )
    return AppPublicKeys.parse({ seat, keys: Object.fromEntries(pairs) })
  }

  /**
   * An app's private keys, of the parts held here, for a lease that runs it: sealed to the key that the
   * worker's quote is bound to. Throws `not-open`, `stale`, `not-attested`, or `no-keys` with what the
   * registry doesn't allow.
   */
  async release(request: ReleaseRequest): Promise<{ seat: number; sealed: string }> {
    const { seat, secrets } = await this.serving()
    this.challenges.use(request.challenge)
    const { chain, log } = this.parts
    const { worker, measurement } = await judgeWorker(chain, request.evidence, releaseFreshness(request))
    const lease = await getLease(chain, request.lease)
    if (lease.state !== 'open' || lease.worker !== worker)
      throw new CloisterError('no-keys', 'The lease is not open on this worker.')
    const { tenant } = lease
    const { manifestHash } = request
    // What the worker starts, which its evidence says, has to be what the lease says, and the app has to
    // allow that.
    if (lease.manifestHash !== manifestHash)
      throw new CloisterError(
        'no-keys',
        `The worker would start the manifest ${manifestHash.slice(0, 10)}…, and the lease says ${lease.manifestHash.slice(0, 10)}….`,
        { hint: { do: 'update-lease' } },
      )
    if (!(await mayHaveKeys(chain, { app: request.app, tenant, manifestHash, measurement }))) {
      log(`refused the keys of ${request.app.slice(0, 10)}… to lease ${request.lease.slice(0, 10)}…`)
      throw new CloisterError(
        'no-keys',
        `The app ${request.app.slice(0, 10)}… does not allow the manifest ${manifestHash.slice(0, 10)}… in this guest, by this tenant.`,
        {
          hint: { do: 'allow-manifest' },
        },
      )
    }
    const pairs = await Promise.all(
      secrets.map(
        async ([part, secret]) => [part, base64((await appKeyPair(secret, request.app)).privateKey)] as const,
      ),
    )
    const plaintext = Buffer.from(JSON.stringify(Object.fromEntries(pairs)))
    const sealed = await seal(
      [Buffer.from(request.transportKey, 'base64')],
      plaintext,
      releaseContext(request),
    )
    log(`gave the keys of ${request.app.slice(0, 10)}… to lease ${request.lease.slice(0, 10)}…`)
    return { seat, sealed: base64(sealed) }
  }

  /**
   * What another seat may know, sealed to it, with a quote about ourselves. Throws `not-seated`, `stale` or
   * `not-attested`.
   */
  async exchange(request: ExchangeRequest): Promise<ExchangeAnswer> {
    const { mine, others } = await this.seated()
    const held = this.hold(mine.index)
    const peer = others.find(({ index }) => index === request.seat)
    if (!peer) throw new CloisterError('not-seated', `Nobody has seat ${request.seat}, or it is ours.`)
    this.challenges.use(request.challenge)
    await judgeQuote(this.parts.chain, peer, request.evidence, exchangeData(request))
    const plaintext = Buffer.from(JSON.stringify(exchangeFor(held, peer.index)))
    const sealed = base64(await seal([Buffer.from(request.transportKey, 'base64')], plaintext, 'exchange'))
    const evidence = await this.parts.agent.quote(exchangeAnswerData(request.transportKey, sealed))
    return { sealed, evidence }
  }

  /**
   * One look at the seats: asks both others, learns, makes up what nobody has heard of, opens once all are
   * complete.
   */
  private async look(): Promise<void> {
    const { log } = this.parts
    const { mine, others } = await this.seated()
    let held = this.hold(mine.index)
    if (held.open) return
    const told = new Map<number, Exchange>()
    const problems: string[] = []
    for (const peer of others) {
      try {
        const exchange = await this.ask(mine, peer)
        held = this.keepHeld(learn(this.hold(mine.index), peer.index, exchange))
        told.set(peer.index, exchange)
      } catch (error) {
        if (error instanceof CloisterError && error.code === 'seats-disagree') throw error
        problems.push(`seat ${peer.index}: ${messageOf(error)}`)
      }
    }
    for (let part = partToMake(held, told); part !== undefined; part = partToMake(held, told)) {
      const secret = randomBytes(32)
      held = this.keepHeld({
        ...held,
        parts: { ...held.parts, [part]: base64(secret) },
        checks: { ...held.checks, [part]: checkOf(secret) },
      })
      log(`made up part ${part}`)
    }
    if (allComplete(held, told)) {
      this.keepHeld({ ...held, open: true })
      log(`open: seat ${held.seat} holds parts ${partsOf(held.seat).join(' and ')}`)
      return
    }
    if (others.length < 2) problems.push(`${2 - others.length} of the other seats are free`)
    if (problems.length > 0) throw new CloisterError('not-open', problems.join('; '))
  }

  /** Asks another seat what it may tell, and believes it by its quote alone. */
  private async ask(mine: Seat, peer: Seat): Promise<Exchange> {
    const { agent } = this.parts
    const { challenge } = Challenge.parse(await agent.call(peer.lease, 'GET', '/v1/challenge'))
    const transport = await generateKeyPair()
    const request = { seat: mine.index, challenge, transportKey: base64(transport.publicKey) }
    const evidence = await agent.quote(exchangeData(request))
    const answer = ExchangeAnswer.parse(
      await agent.call(peer.lease, 'POST', '/v1/exchange', { ...request, evidence }),
    )
    await judgeQuote(
      this.parts.chain,
      peer,
      answer.evidence,
      exchangeAnswerData(request.transportKey, answer.sealed),
    )
    const opened = await open([transport.privateKey], Buffer.from(answer.sealed, 'base64'), 'exchange')
    return Exchange.parse(JSON.parse(Buffer.from(opened).toString('utf8')))
  }

  private async serving(): Promise<{ seat: number; secrets: [Part, Uint8Array][] }> {
    const { mine } = await this.seated()
    const held = this.hold(mine.index)
    if (!held.open)
      throw new CloisterError('not-open', 'This instance of the key service has not got its parts yet.', {
        hint: 'Try again in a while, or ask another one.',
      })
    return {
      seat: held.seat,
      secrets: partsOf(held.seat).map((part) => [
        part,
        new Uint8Array(Buffer.from(held.parts[part] ?? '', 'base64')),
      ]),
    }
  }

  /** Our seat, and the others that are filled. Throws `not-seated`. */
  private async seated(): Promise<{ mine: Seat; others: Seat[] }> {
    if (!this.seats || Date.now() - this.seats.at > SEATS_KEPT_MS) {
      const seats = getSeats(this.parts.chain)
      this.seats = { at: Date.now(), seats }
      seats.catch(() => {
        this.seats = undefined
      })
    }
    const seats = await this.seats.seats
    const { lease, manifestHash } = this.parts.self
    const mine = seats.find((seat) => seat.lease === lease && seat.manifestHash === manifestHash)
    if (!mine)
      throw new CloisterError('not-seated', 'This instance has no seat.', {
        hint: 'Anybody can give it a free one that its worker consents to: `KeyService.take`.',
      })
    return { mine, others: seats.filter((seat) => seat !== mine) }
  }

  private hold(seat: number): Held {
    const held = this.held ?? this.keepHeld({ seat, parts: {}, checks: {}, open: false })
    if (held.seat !== seat)
      throw new CloisterError(
        'not-seated',
        `This instance was seat ${held.seat} and is to be seat ${seat}; its parts would add up.`,
        {
          hint: 'Start another instance.',
        },
      )
    return held
  }

  private keepHeld(held: Held): Held {
    this.parts.vault.save(held)
    this.held = held
    return held
  }
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}
