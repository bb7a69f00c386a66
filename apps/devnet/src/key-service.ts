import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import {
  connectWallet,
  getBilling,
  getKeyServiceManifest,
  getSeats,
  type Network,
  reportAbsence,
  type Seat,
  takeSeat,
  type Wallet,
} from '@cloister/chain'
import { CloisterError, hashManifest, type Manifest } from '@cloister/core'
import { DEVELOPMENT_ROLES, developmentAccount } from '@cloister/development/accounts'
import { buildKeyServiceImage, keyServiceManifest } from '@cloister/key-service'
import { apps, type Cloister, createCloister, leases, walletOf } from '@cloister/sdk'
import type { Address, Hex } from 'viem'

const SECONDS = 30n * 24n * 3600n
const READY_MS = 120_000

/** What instances of the key service run, whose image is built in the network's folder. */
export async function buildKeyService(folder: string): Promise<Manifest> {
  return keyServiceManifest(await buildKeyServiceImage(join(folder, 'images')))
}

/**
 * Sees to it that the key service runs: one instance on a worker of each provider, leased by the faucet's
 * account as anybody could lease them. Resolves when all three give keys. Throws `keys-unavailable`.
 */
export async function ensureKeyService(
  network: Network,
  manifest: Manifest,
  signal: AbortSignal,
): Promise<void> {
  const account = developmentAccount(network, DEVELOPMENT_ROLES.faucet)
  const cloister = createCloister({ network, account })
  const wallet = connectWallet(network, account)
  const seated = await getSeats(wallet)
  // Instances of an earlier version keep their seats: what they hold opens for their own manifest alone.
  const named = await getKeyServiceManifest(wallet)
  if (named !== hashManifest(manifest) && seated.length < DEVELOPMENT_ROLES.providers.length)
    throw new CloisterError(
      'keys-unavailable',
      `Free seats are for instances that run ${named}, and this version runs ${hashManifest(manifest)}.`,
      {
        hint: 'Another manifest has to be announced 22 days ahead. Begin anew with `npm start -- --fresh`.',
      },
    )
  // Each on a worker of its own, so at once.
  const instances = await Promise.all(
    DEVELOPMENT_ROLES.providers.map(async (index, seat) => {
      const known = seated.find((one) => one.index === seat)
      if (known) return keepSeated(cloister, wallet, known)
      return startInstance(cloister, manifest, seat, developmentAccount(network, index).address)
    }),
  )
  for (const lease of instances) {
    signal.throwIfAborted()
    if (lease !== undefined) await takeSeat(wallet, await apps.seatConsent(cloister, lease))
  }
  for (const until = Date.now() + READY_MS; ; ) {
    const seats = await apps.keyService(cloister)
    if (seats.filter(({ state }) => state?.open).length === 3) return
    signal.throwIfAborted()
    if (Date.now() > until)
      throw new CloisterError(
        'keys-unavailable',
        `The key service is not ready: ${seats.map(({ index, problem }) => `seat ${index}: ${problem ?? 'not open'}`).join('; ')}.`,
        {
          hint: 'See the logs of its leases: cloister logs keys-0 --account dev0.',
        },
      )
    await delay(500, undefined, { signal })
  }
}

/** Sees to it that an instance that has its seat has money, and leaves it where its worker stays away. */
async function keepSeated(cloister: Cloister, wallet: Wallet, seat: Seat): Promise<undefined> {
  const [{ secondsLeft, ratePerSecond }, { until }, { timestamp }] = await Promise.all([
    leases.status(cloister, seat.lease),
    getBilling(wallet, seat.worker),
    wallet.client.getBlock(),
  ])
  // An instance whose worker stays away makes room for another one.
  if (until <= timestamp) await reportAbsence(wallet, seat.index)
  if (BigInt(secondsLeft) < SECONDS / 2n)
    await leases.topUp(cloister, seat.lease, (SECONDS - BigInt(secondsLeft)) * ratePerSecond)
}

/** The lease of an instance that runs and has no seat yet. */
async function startInstance(
  cloister: Cloister,
  manifest: Manifest,
  seat: number,
  provider: Address,
): Promise<Hex> {
  const name = `keys-${seat}`
  // A start that was cut short may have left a lease behind that has no seat.
  const tenant = walletOf(cloister).account.address
  const { items } = await cloister.index.leases({ tenant, open: true, limit: 200 })
  const stray = items.find((lease) => lease.name === name)
  if (
    stray?.manifestHash === hashManifest(manifest) &&
    (await leases.status(cloister, stray.lease)).state === 'running'
  )
    return stray.lease
  if (stray) await leases.close(cloister, stray.lease)
  const { lease } = await leases.deploy(cloister, {
    manifest,
    pay: 'CLOI',
    provider,
    deposit: ({ bid }) => bid.ratePerSecond * SECONDS,
    name,
  })
  return lease
}
