import type { Chain } from '@cloister/chain'
import { loop, messageOf } from '@cloister/core'
import type { Served } from '@cloister/transport'
import type { AgentSocket, Self } from '@cloister/workload'
import { MAX_ANSWER_MS, MAX_SILENCE_MS } from '../protocol/constants.ts'
import type { Endpoint } from '../protocol/endpoint.ts'
import type { EndpointOptions } from '../protocol/options.ts'
import { offerToJson } from '../protocol/prices.ts'
import { serveDoor } from './door.ts'
import { Engine } from './engine.ts'
import { FreeCashier } from './free-cashier.ts'
import { KeyAccounts } from './key-accounts.ts'
import { deriveKeys } from './keys.ts'
import { Notary } from './notary.ts'
import { Offers } from './offers.ts'
import { Once } from './once.ts'
import { ownPages } from './pages.ts'
import { PayingCashier } from './paying-cashier.ts'
import { Payments, type Rhythm, type Sender } from './payments.ts'
import { peerPages } from './peers.ts'
import { Room } from './room.ts'
import { Store } from './store.ts'
import { Tally } from './tally.ts'
import { Turns } from './turns.ts'
import { Witness } from './witness.ts'
import { X402Accounts } from './x402-accounts.ts'

const FORGET_MS = 600_000
/** Milliseconds for which anchored receipts stay here; the index keeps them. */
const KEPT_MS = 7 * 86_400_000
/** Receipts that the volume has room for: each takes 2.4 KiB. */
const MOST_RECEIPTS = 80_000

/** What a door is started with. */
export interface DoorOptions {
  options: EndpointOptions
  /** Where the engine answers; see `engineUrlOf`. */
  engineUrl: string
  self: Self
  agent: Pick<AgentSocket, 'receipt' | 'quote' | 'sealingKey'> & Sender
  /** Undefined where there is no money: nothing is billed or anchored. */
  chain?: Chain | undefined
  /** On the volume; undefined keeps all in memory. */
  folder: string | undefined
  at: { host?: string; port: number }
  log: (line: string) => void
  limits?: { answerMs: number; silenceMs: number }
  rhythm?: Rhythm
  /** Takes payments into x402's own contract: the chain has it, and the worker sends calls of it. */
  takesX402?: boolean
}

/** A door that serves. */
export interface RunningDoor extends Pick<Served, 'port'> {
  endpoint: () => Endpoint
  /** Lets answers under way end, for 8 seconds at the most. */
  close(): Promise<void>
}

const DRAIN_MS = 8_000
/** Of answers that aren't streams, and as many of requests: a door has 256 MiB for all that it does. */
const ROOM_BYTES = 48 * 1024 * 1024
/** Quotes at a time, of the requests that the agent answers at once: anybody may ask for one. */
const QUOTES_AT_ONCE = 4
const QUOTE_MS = 20_000
const CLAIM_MS = 300_000
const ANCHOR_MS = 600_000
const LOOK_MS = 240_000

/** Starts a door: in a lease by `main.ts`, in tests as it is. */
export async function runDoor({
  options,
  engineUrl,
  self,
  agent,
  folder,
  at,
  log,
  limits = { answerMs: MAX_ANSWER_MS, silenceMs: MAX_SILENCE_MS },
  chain,
  rhythm = { claimMs: CLAIM_MS, anchorMs: ANCHOR_MS, lookMs: LOOK_MS },
  takesX402 = false,
}: DoorOptions): Promise<RunningDoor> {
  const keys = await deriveKeys(await agent.sealingKey())
  const { lease, manifestHash, worker, network } = self
  const chainId = network.chainId
  const store = new Store(folder)
  const { authorizer } = keys
  const money = chain?.network.contracts.vouchers ? chain : undefined
  const offers = money && new Offers(money, lease, store, log)
  const payments = chain && new Payments(chain, store, agent, { authorizer, lease }, log)
  const endpoint = (): Endpoint => ({
    lease,
    manifestHash,
    worker,
    chainId,
    options,
    sealingKey: keys.sealing.publicKey,
    authorizer: authorizer.address,
    ...(money && { vouchers: money.network.contracts.vouchers }),
    ...(offers?.latest && { offer: offerToJson(offers.latest) }),
  })
  const cashier =
    money && offers && payments && options.tokenHash === undefined
      ? new PayingCashier(
          offers,
          new KeyAccounts(money, store, payments, {
            authorizer: authorizer.address,
            lease,
            lookMs: rhythm.lookMs,
          }),
          takesX402 && money.network.contracts.receivers
            ? new X402Accounts(money, store, payments, {
                authorizer: authorizer.address,
                lease,
                lookMs: rhythm.lookMs,
              })
            : undefined,
        )
      : new FreeCashier(options.tokenHash)
  await offers?.current().catch((error) => log(`offer not seen: ${messageOf(error)}`))
  const notary = new Notary(agent, store, { chainId, workers: network.contracts.workers }, log)
  const quoting = quotingOf(agent)
  const witness = new Witness(quoting, store, endpoint, log)
  const turns = new Turns(options.concurrency)
  const tally = new Tally()
  tally.watch({
    running: () => turns.running,
    queued: () => turns.queued,
    unsigned: () => store.countUnsigned(),
  })
  const engine = new Engine(engineUrl, options.concurrency)
  const served = await serveDoor(
    {
      options,
      self: { lease, manifestHash },
      engine,
      turns,
      store,
      cashier,
      tally,
      once: new Once(),
      room: new Room(ROOM_BYTES),
      bodies: new Room(ROOM_BYTES),
      limits,
      evidence: () => witness.digest(),
      written: () => notary.written(),
      sealingKey: keys.sealing.privateKey,
      pages: [
        ...ownPages({
          endpoint,
          refresh: async () => offers?.current(),
          witness,
          notary,
          store,
          tally,
          since: Math.floor(Date.now() / 1_000),
        }),
        ...peerPages({ endpoint, keys, store, agent: quoting }),
      ],
      log,
    },
    at,
  )
  const aborter = new AbortController()
  const { signal } = aborter
  const work = Promise.all([
    notary.keep(signal),
    witness.keep(signal),
    payments?.keep(signal, rhythm),
    loop(signal, async () => {
      store.forget(Date.now() - KEPT_MS, MOST_RECEIPTS)
      return FORGET_MS
    }),
  ]).catch((error) => log(`stopped: ${messageOf(error)}`))
  return {
    port: served.port,
    endpoint,
    async close() {
      await served.drain(DRAIN_MS)
      aborter.abort()
      await work
      engine.close()
      store.close()
    },
  }
}

/** The agent's quotes, so few at a time that whoever asks for many keeps none of the rest of it busy. */
function quotingOf(agent: Pick<AgentSocket, 'quote'>): Pick<AgentSocket, 'quote'> {
  const turns = new Turns(QUOTES_AT_ONCE, 'The worker’s hardware')
  return {
    async quote(data) {
      const endTurn = await turns.take(AbortSignal.timeout(QUOTE_MS))
      return agent.quote(data).finally(endTurn)
    },
  }
}
