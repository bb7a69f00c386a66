import { getLease } from '@cloister/chain'
import { everyPage } from '@cloister/client'
import { CloisterError, type LeaseRecord, memberTypedData, type NetworkReport } from '@cloister/core'
import { type Address, type Hex, recoverTypedDataAddress } from 'viem'
import { type Cloister, walletOf } from '../cloister.ts'
import { sessionOf } from '../session.ts'

/** A lease on a private network, as its worker tells it. */
export interface NetworkMember {
  lease: Hex
  name: string | undefined
  worker: Address
  /** Names, addresses and tunnels. */
  report: NetworkReport
  /** What doesn't work, or isn't to be believed. */
  problem: string | undefined
}

/** A private network of the account's. */
export interface NetworkStatus {
  name: string
  members: NetworkMember[]
}

/**
 * The account's private networks: its open leases are asked one by one, over their workers' attested keys,
 * and each worker's word is signed by the key that the chain names. Leases whose workers don't answer are on
 * networks nobody knows of here, and are left out.
 *
 * @example
 * ```ts
 * import { networks } from '@cloister/sdk'
 *
 * for (const { name, members } of await networks.list(cloister)) console.log(name, members.length)
 * ```
 */
export async function list(cloister: Cloister): Promise<NetworkStatus[]> {
  const { account } = walletOf(cloister)
  const leases = await everyPage((from) =>
    cloister.index.leases({ tenant: account.address, open: true, ...from }),
  )
  const found = new Map<string, NetworkMember[]>()
  const asked = await Promise.all(leases.map((lease) => ask(cloister, lease)))
  for (const one of asked) {
    if (!one) continue
    found.set(one.network, [...(found.get(one.network) ?? []), one.member])
  }
  return [...found].map(([name, members]) => ({ name, members })).sort((a, b) => (a.name < b.name ? -1 : 1))
}

/**
 * One of them, by its name. Throws `not-found` where no open lease is on it.
 *
 * @example
 * ```ts
 * import { networks } from '@cloister/sdk'
 *
 * const { members } = await networks.show(cloister, 'backend')
 * console.log(members.flatMap(({ report }) => report.places))
 * ```
 */
export async function show(cloister: Cloister, name: string): Promise<NetworkStatus> {
  const all = await list(cloister)
  const found = all.find((network) => network.name === name)
  if (found) return found
  throw new CloisterError(
    'not-found',
    `No open lease of this account is on a private network ${JSON.stringify(name.slice(0, 60))}.`,
    { hint: 'Write `x-network: NAME` at the top of the files of leases that belong together.' },
  )
}

async function ask(
  cloister: Cloister,
  lease: LeaseRecord,
): Promise<{ network: string; member: NetworkMember } | undefined> {
  try {
    const report = await sessionOf(cloister, lease).asTenant.network(lease.lease)
    const problem = (await whyUntrue(cloister, lease, report)) ?? report.problem
    const { network, name } = report.member
    const member = {
      lease: lease.lease,
      name: name === '' ? lease.wishedName : name,
      worker: lease.worker,
      report,
      problem,
    }
    return { network, member }
  } catch {
    // On none, or nobody knows.
    return undefined
  }
}

/** Why a worker's word on a lease is not to be believed: its key has to be that of the chain's worker. */
async function whyUntrue(
  { chain, network }: Cloister,
  { lease }: LeaseRecord,
  { member: { signature, ...member } }: NetworkReport,
): Promise<string | undefined> {
  const { chainId, contracts } = network
  const [{ worker }, signer] = await Promise.all([
    getLease(chain, lease),
    recoverTypedDataAddress({ ...memberTypedData(member, chainId, contracts.market), signature }),
  ])
  return member.lease === lease && signer === worker
    ? undefined
    : 'What the worker says of its tunnels’ keys is not signed by its attested key.'
}
