import {
  seatConsent as askConsent,
  fetchPublicKeys,
  type SeatStatus,
  seatStatuses,
} from '@cloister/key-service/client'
import { type Envelope, type Secrets, sealSecrets } from '@cloister/secrets'
import type { Hex } from 'viem'
import type { Cloister } from '../cloister.ts'

/**
 * How the key service is doing: each filled seat, its machine and manifest checked. A seat that doesn't
 * answer, or isn't to be believed, says so as its `problem`. Throws `chain-unreachable`.
 *
 * @example
 * ```ts
 * import { apps } from '@cloister/sdk'
 *
 * const seats = await apps.keyService(cloister)
 * console.log(seats.map(({ index, problem }) => `${index}: ${problem ?? 'as it should be'}`))
 * ```
 */
export function keyService({ chain }: Cloister): Promise<SeatStatus[]> {
  return seatStatuses(chain)
}

/**
 * Seals secrets to an app: only a worker whose evidence meets the app's policy on chain can have them
 * opened. The app's keys come from the key service, whose machines and manifests are checked first. Throws
 * `keys-unavailable`, `seats-disagree` or `bad-secrets`.
 *
 * @example
 * ```ts
 * import { apps, leases, walletOf } from '@cloister/sdk'
 *
 * const app = apps.idOf(cloister.network, walletOf(cloister).account.address, 'my-app')
 * const envelope = await apps.seal(cloister, app, { PASSWORD: new TextEncoder().encode('secret') })
 * await leases.deploy(cloister, { manifest, envelope, deposit: 1_000_000n, pay: 'USDC' })
 * ```
 */
export async function sealForApp({ chain, wallet }: Cloister, app: Hex, secrets: Secrets): Promise<Envelope> {
  return sealSecrets(app, await fetchPublicKeys(chain, app), secrets, wallet?.account.address)
}

/**
 * Asks an instance of the key service, which has no seat yet, for its worker's consent to one; `takeSeat`
 * takes it. Throws `forbidden` where the worker's provider gives no seat.
 *
 * @example
 * ```ts
 * import { apps, leases } from '@cloister/sdk'
 *
 * const { lease } = await leases.findLease(cloister, 'key-service-0')
 * const consent = await apps.seatConsent(cloister, lease)
 * ```
 */
export function seatConsent({ chain }: Cloister, lease: Hex): ReturnType<typeof askConsent> {
  return askConsent(chain, lease)
}
