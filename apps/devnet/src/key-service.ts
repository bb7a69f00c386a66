import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import {
  connectWallet,
  getBilling,
  getKeyServiceManifest,
  getSeats,
  type Network,
  reportAbsence,
  setKeyServiceManifest,
  takeSeat,
} from '@cloister/chain'
import { CloisterError, hashManifest } from '@cloister/core'
import { DEVELOPMENT_ROLES, developmentAccount } from '@cloister/development/accounts'
import { buildKeyServiceImage, keyServiceManifest } from '@cloister/key-service'
import { apps, createCloister, leases } from '@cloister/sdk'
import { zeroHash } from 'viem'

const SECONDS = 30n * 24n * 3600n
const READY_MS = 120_000

/**
 * Sees to it that the key service runs: one instance on a worker of each provider, leased by the governance
 * account as anybody could lease them. Resolves when all three give keys. Throws `keys-unavailable`.
 */
export async function ensureKeyService(network: Network, folder: string, signal: AbortSignal): Promise<void> {
  const account = developmentAccount(network, DEVELOPMENT_ROLES.governance)
  const cloister = createCloister({ network, account })
  const governance = connectWallet(network, account)
  const manifest = keyServiceManifest(await buildKeyServiceImage(join(folder, 'images')))
  const seated = await getSeats(governance)
  // Instances of an earlier version keep their seats: what they hold opens for their own manifest alone.
  const named = await getKeyServiceManifest(governance)
  if (named === zeroHash) await setKeyServiceManifest(governance, hashManifest(manifest))
  else if (named !== hashManifest(manifest) && seated.length < DEVELOPMENT_ROLES.providers.length)
    throw new CloisterError(
      'keys-unavailable',
      `Free seats are for instances that run ${named}, and this version runs ${hashManifest(manifest)}.`,
      {
        hint: 'Another manifest has to be announced 22 days ahead. Begin anew with `npm start -- --fresh`.',
      },
    )
  for (const [seat, index] of DEVELOPMENT_ROLES.providers.entries()) {
    signal.throwIfAborted()
    const known = seated.find((one) => one.index === seat)
    if (known) {
      const { secondsLeft, ratePerSecond } = await leases.status(cloister, known.lease)
      // An instance whose worker stays away makes room for another one.
      const [{ until }, { timestamp }] = await Promise.all([
        getBilling(governance, known.worker),
        governance.client.getBlock(),
      ])
      if (until <= timestamp) await reportAbsence(governance, known.index)
      if (BigInt(secondsLeft) < SECONDS / 2n)
        await leases.topUp(cloister, known.lease, (SECONDS - BigInt(secondsLeft)) * ratePerSecond)
      continue
    }
    // A start that was cut short may have left a lease behind that has no seat.
    const stray = (
      await cloister.index.leases({ tenant: account.address, open: true, limit: 200 })
    ).items.find(({ name }) => name === `keys-${seat}`)
    if (
      stray &&
      stray.manifestHash === hashManifest(manifest) &&
      (await leases.status(cloister, stray.lease)).state === 'running'
    ) {
      await takeSeat(governance, await apps.seatConsent(cloister, stray.lease))
      continue
    }
    if (stray) await leases.close(cloister, stray.lease)
    const provider = developmentAccount(network, index).address
    const { lease } = await leases.deploy(cloister, {
      manifest,
      pay: 'CLOI',
      provider,
      deposit: ({ bid }) => bid.ratePerSecond * SECONDS,
      name: `keys-${seat}`,
    })
    await takeSeat(governance, await apps.seatConsent(cloister, lease))
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
