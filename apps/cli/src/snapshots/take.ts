import type { LeaseRecord } from '@cloister/core'
import { type Cloister, leases } from '@cloister/sdk'
import { type KeptSnapshot, type Repository, type TakeOptions, takeSnapshot } from '@cloister/snapshots'

/** Takes a snapshot of a lease; with `paused` its containers stand still meanwhile. */
export async function takeOf(
  cloister: Cloister,
  { lease, wishedName, manifestHash }: Pick<LeaseRecord, 'lease' | 'wishedName' | 'manifestHash'>,
  repository: Repository,
  options: Pick<TakeOptions, 'volumes' | 'paused' | 'tell' | 'signal'>,
): Promise<KeptSnapshot> {
  const { asTenant } = await leases.openSession(cloister, lease)
  const take = () =>
    takeSnapshot(repository, { client: asTenant, lease }, { ...options, name: wishedName, manifestHash })
  return options.paused === true ? leases.whileStill(asTenant, lease, take) : take()
}
