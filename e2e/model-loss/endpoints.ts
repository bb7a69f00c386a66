import { join } from 'node:path'
import type { Network } from '@cloister/chain'
import type { Channel } from '@cloister/core'
import { developmentAccount } from '@cloister/development/accounts'
import { buildInferenceImage } from '@cloister/inference'
import { Endpoint, type EndpointOptions } from '@cloister/inference/protocol'
import { createCloister, models } from '@cloister/sdk'
import { buildProgramImage } from '@cloister/workload/image'
import type { Address, Hex } from 'viem'
import { type Stage, until } from '../embedded.ts'

/** Base units of USDC for a million tokens. An answer of the engine takes 8 fresh tokens, 4 cached and 7. */
export const PRICES = { input: 2_000_000n, cached: 1_000_000n, output: 4_000_000n }
export const ANSWER = 8n * 2n + 4n + 7n * 4n
export const MODEL = 'fixed'
const SECONDS = 7_200n

/** A lease that serves the model. */
export interface Served {
  /** Its worker's daemon. */
  daemon: 'oak' | 'elm'
  lease: Hex
  payee: Address
  options: EndpointOptions
}

/** Builds the images, and has two of the network's workers serve the model, each for a tenant of its own. */
export async function serveTwice({ embedded }: Stage): Promise<[Served, Served]> {
  const images = join(embedded.settings.folder, 'images')
  const door = await buildInferenceImage(images)
  const digest = await buildProgramImage(images, {
    name: 'cloister/fixed-engine:1',
    source: join(import.meta.dirname, 'engine.ts'),
    file: 'fixed-engine',
  })
  const options: EndpointOptions = {
    version: 1,
    door,
    engine: { image: 'cloister/fixed-engine:1', digest, port: 8081, memoryMiB: 128, cpuMilli: 500 },
    model: MODEL,
    contextLength: 100_000,
    concurrency: 16,
    endpoints: ['chat'],
  }
  const serve = async (daemon: Served['daemon'], account: number): Promise<Served> => {
    const { network, settings } = embedded
    const cloister = createCloister({ network, account: developmentAccount(network, account) })
    const port = settings.ports.workers[daemon === 'oak' ? 0 : 1]
    const workers = await cloister.index.workers({ covered: true })
    const own = workers.find(({ endpoint }) => new URL(endpoint).port === String(port))
    if (!own) throw new Error(`${daemon} is not covered`)
    const { lease } = await models.deploy(cloister, {
      options,
      provider: own.worker,
      pay: 'USDC',
      deposit: ({ bid }) => bid.ratePerSecond * SECONDS,
      offer: { token: 'USDC', ...PRICES },
    })
    return { daemon, lease, payee: developmentAccount(network, account).address, options }
  }
  const served = await Promise.all([serve('oak', 5), serve('elm', 6)])
  await until('the gateway offers both', async () => {
    const text = await (await fetch(`${embedded.network.gatewayUrl}/v1/models/${MODEL}`)).text()
    return served.every(({ lease }) => text.includes(lease))
  })
  return served
}

/** What a served lease says of itself, through the gateway; waits until it answers. */
export function endpointOf(network: Network, { lease }: Served): Promise<Endpoint> {
  return until('the endpoint answers', async () => {
    const answer = await fetch(`${network.gatewayUrl}/v1/endpoint?lease=${lease}`)
    return answer.ok && Endpoint.parse(await answer.json())
  })
}

/** The channel by which a key of `payer` pays a lease. */
export async function channelTo(
  network: Network,
  served: Served,
  { payer, key, token }: { payer: Address; key: Address; token: Address },
): Promise<Channel> {
  const { authorizer } = await endpointOf(network, served)
  return {
    payer,
    payerAuthorizer: key,
    receiver: served.payee,
    receiverAuthorizer: authorizer,
    token,
    withdrawDelay: 900,
    salt: served.lease,
  }
}
