import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { connectWallet, findToken, getKey, getOfferOf, type Network, setKey } from '@cloister/chain'
import { hashManifest, type SentContent } from '@cloister/core'
import { DEVELOPMENT_ROLES, developmentAccount, developmentKey } from '@cloister/development/accounts'
import { buildEngineImage, inferenceManifest, llamaServer } from '@cloister/inference'
import { type EndpointOptions, encodeApiKey } from '@cloister/inference/protocol'
import { createCloister, leases, models } from '@cloister/sdk'
import { concat, type Hex, keccak256, stringToHex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'

const WEIGHTS = resolve(import.meta.dirname, '../../../models/tiny/tiny.gguf')
/** As requests name it, and as its lease is called. */
const MODEL = 'cloister-tiny'
const CONTEXT = 512
const SECONDS = 30n * 24n * 3600n
/** USDC's base units for a million tokens: a tenth of a cent, half of it, and four times as much. */
const PRICES = { input: 1_000n, cached: 500n, output: 4_000n }
/** USDC's base units in the purse, and that the API key may spend. */
const PURSE = 10_000_000n
const KEY_SECONDS = 365 * 24 * 3600
/** The payer of the API key that is shown, whose account commands use by default. */
const PAYER = DEVELOPMENT_ROLES.tenants[0]
const LISTED_MS = 10_000

/** The model as it is served. */
export interface ServedModel {
  model: string
  lease: Hex
  /** What clients of OpenAI's take as their base URL. */
  baseUrl: string
  apiKey: string
}

/**
 * Sees to it that the tiny model is served and offered, leased by the faucet's account as anybody could
 * lease it, and that there is an API key with something to spend. `folder` is the network's; `door` is the
 * digest of the door's image. Throws `image-unavailable` where the engine can't be had.
 */
export async function ensureModel(
  network: Network,
  folder: string,
  door: string,
  signal: AbortSignal,
): Promise<ServedModel> {
  const engine = await buildEngineImage(join(folder, 'images'), { signal })
  const weights = weightsOf(readFileSync(WEIGHTS))
  const options = tinyOptions(door, engine.digest, weights)
  const [lease, apiKey] = await Promise.all([
    ensureEndpoint(network, options, weights),
    ensureApiKey(network),
  ])
  return { model: MODEL, lease, baseUrl: await addressOf(network, lease, signal), apiKey }
}

function tinyOptions(door: string, engine: string, { digest, bytes }: SentContent): EndpointOptions {
  const shape = { model: MODEL, contextLength: CONTEXT, concurrency: 4 }
  return {
    version: 1,
    door,
    engine: llamaServer({
      ...shape,
      image: engine,
      weights: { digest, bytes },
      cpuMilli: 1_000,
      // A model that knows so little had better not guess.
      temperature: 0,
    }),
    ...shape,
    weights: { digest },
    endpoints: ['chat', 'completions', 'responses', 'messages'],
  }
}

/** A lease that runs these very options and is offered; whatever else has its name is closed. */
async function ensureEndpoint(
  network: Network,
  options: EndpointOptions,
  weights: SentContent,
): Promise<Hex> {
  const account = developmentAccount(network, DEVELOPMENT_ROLES.faucet)
  const cloister = createCloister({ network, account })
  const asking = { token: 'USDC', ...PRICES }
  const { items } = await cloister.index.leases({ tenant: account.address, open: true, limit: 200 })
  const known = items.find(({ name }) => name === MODEL)
  if (known) {
    const lease = known.lease as Hex
    const { state } = await leases.status(cloister, lease)
    const isSame = known.manifestHash === hashManifest(inferenceManifest(options))
    if (isSame && (state === 'running' || state === 'starting')) {
      if (!(await getOfferOf(connectWallet(network, account), lease)))
        await models.offer(cloister, lease, options, asking)
      return lease
    }
    await leases.close(cloister, lease)
  }
  const { lease } = await models.deploy(cloister, {
    options,
    contents: [weights],
    pay: 'CLOI',
    deposit: ({ bid }) => bid.ratePerSecond * SECONDS,
    name: MODEL,
    offer: asking,
  })
  return lease
}

/** The API key that is shown, the same everywhere: like the account that pays for it, everybody knows it. */
function developmentApiKey(network: Pick<Network, 'development' | 'name'>) {
  const privateKey = keccak256(concat([developmentKey(network, PAYER), stringToHex('API key')]))
  return { privateKey, apiKey: encodeApiKey(privateKey) }
}

/** Registers the API key that is shown, and sees to it that there is something to spend. */
async function ensureApiKey(network: Network): Promise<string> {
  const account = developmentAccount(network, PAYER)
  const cloister = createCloister({ network, account })
  const { privateKey, apiKey } = developmentApiKey(network)
  const key = privateKeyToAccount(privateKey)
  const wallet = connectWallet(network, account)
  const { balance } = await models.purse(cloister, account.address, 'USDC')
  if (balance < PURSE / 10n) await models.fund(cloister, { token: 'USDC', amount: PURSE - balance })
  const known = await getKey(wallet, key.address)
  const now = Math.floor(Date.now() / 1_000)
  if (!known || known.until < now + KEY_SECONDS / 2 || known.cap - known.drawn < PURSE / 10n)
    await setKey(wallet, key, {
      token: findToken(network, 'USDC').address,
      cap: (known?.drawn ?? 0n) + PURSE,
      until: now + KEY_SECONDS,
    })
  return apiKey
}

function weightsOf(file: Buffer): SentContent {
  return {
    digest: `sha256:${createHash('sha256').update(file).digest('hex')}`,
    bytes: file.length,
    async *open(from) {
      yield file.subarray(from)
    },
  }
}

/**
 * Where the model is asked: at the gateway, which hears of an offer from the index a moment after the chain,
 * or at its lease's own address where the gateway doesn't.
 */
async function addressOf(network: Network, lease: Hex, signal: AbortSignal): Promise<string> {
  const atGateway = `${network.gatewayUrl}/v1`
  for (const until = Date.now() + LISTED_MS; Date.now() < until; ) {
    const answer = await fetch(`${atGateway}/models`, { signal })
    const text = await answer.text()
    if (answer.ok && text.includes(`"${MODEL}"`)) return atGateway
    await delay(200, undefined, { signal })
  }
  const account = developmentAccount(network, DEVELOPMENT_ROLES.faucet)
  const [route] = await leases.routesOf(createCloister({ network, account }), lease)
  return `${route?.loopbackUrl ?? network.gatewayUrl}/v1`
}
