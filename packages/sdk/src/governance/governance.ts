import {
  ADMISSION_ABI,
  type Chain,
  decodeChange,
  type Governed,
  getReadyAt,
  getRoles,
  governedContracts,
  SLASHING_ABI,
} from '@cloister/chain'
import type { AnnouncementRecord, GovernanceRecord, ProposalRecord, SuspensionRecord } from '@cloister/core'
import { type Hex, keccak256 } from 'viem'
import type { Cloister } from '../cloister.ts'

/**
 * What the index has, and whether the chain says the same now; undefined where it says nothing of what is
 * over.
 */
export type OnChain<T> = T & { onChain: boolean | undefined }

/** What governance is about to do, and did without waiting. */
export interface GovernanceStatus {
  announcements: OnChain<AnnouncementRecord>[]
  suspensions: OnChain<SuspensionRecord>[]
  proposals: OnChain<ProposalRecord>[]
}

/**
 * What governance announced, suspended and proposed, newest first. Of what is open the chain is asked
 * whether it is so, and what a call does is read from the call itself. An index can leave things out all the
 * same: who has to be sure asks several. Throws what the index and the chain's node throw.
 *
 * @example
 * ```ts
 * import { governance } from '@cloister/sdk'
 *
 * const status = await governance(cloister)
 * console.log(status)
 * ```
 */
export async function governance(cloister: Cloister): Promise<GovernanceStatus> {
  const { announcements, suspensions, proposals }: GovernanceRecord = await cloister.index.governance()
  const { chain } = cloister
  const contracts = new Map(governedContracts(chain.network).map((contract) => [contract.name, contract]))
  const checked = async <T>(items: T[], isOpen: (item: T) => boolean, isSo: (item: T) => Promise<boolean>) =>
    Promise.all(
      items.map(async (item) => ({ ...item, onChain: isOpen(item) ? await isSo(item) : undefined })),
    )
  return {
    announcements: await checked(
      announcements.map((one) => readAnew(one, contracts.get(one.contract))),
      ({ state, change }) => change !== undefined && (state === 'waiting' || state === 'ready'),
      (one) => isAnnounced(chain, one, contracts.get(one.contract)),
    ),
    suspensions: await checked(
      suspensions,
      ({ state }) => state === 'in-force',
      (one) => isSuspended(chain, one),
    ),
    proposals: await checked(
      proposals,
      ({ state }) => state === 'waiting' || state === 'ready',
      (one) => isProposed(chain, one),
    ),
  }
}

/** What an announced call does, by the contract's own functions and not by the index's word. */
function readAnew(one: AnnouncementRecord, contract: Governed | undefined): AnnouncementRecord {
  if (one.call === undefined || !contract) return one
  const { function: _, args: __, ...rest } = one
  const change = decodeChange(contract.abi, one.call)
  return {
    ...rest,
    address: contract.address,
    ...(change && { function: change.function, args: change.args }),
  }
}

async function isAnnounced(
  chain: Chain,
  { change, call, readyAt }: AnnouncementRecord,
  contract: Governed | undefined,
): Promise<boolean> {
  if (!contract || change === undefined || call === undefined || keccak256(call) !== change) return false
  return (await getReadyAt(chain, contract.address, change)) === readyAt
}

async function isSuspended(chain: Chain, one: SuspensionRecord): Promise<boolean> {
  if (one.kind === 'measurement') return ((await getRoles(chain, one.measurement)) & one.roles) === 0
  const call = {
    address: chain.network.contracts.admission,
    abi: ADMISSION_ABI,
    functionName: 'raisedFloorOf',
    args: [one.fmspc as Hex],
  } as const
  const [, until] = await chain.client.readContract(call)
  return Number(until) === one.until
}

async function isProposed(
  { client, network }: Chain,
  { id, provider, readyAt, bps }: ProposalRecord,
): Promise<boolean> {
  const call = {
    address: network.contracts.slashing,
    abi: SLASHING_ABI,
    functionName: 'proposalOf',
    args: [BigInt(id)],
  } as const
  const found = await client.readContract(call)
  return found.provider === provider && Number(found.readyAt) === readyAt && found.bps === bps
}
