import { decodeLeaseName, shortId } from '@cloister/core'
import type { Hex } from 'viem'
import { entity, type Handler, type Need, on, type RowOf, type Subject } from '../../engine/chapter.ts'
import type { ChainEvent } from '../../engine/contract.ts'
import type { Rows } from '../../engine/rows.ts'
import { MARKET } from './contract.ts'
import { lease } from './tables.ts'

type LeaseRow = RowOf<typeof lease>
type LeaseEvent<Args = unknown> = ChainEvent<string, Args & { id: Hex }>

/** A lease, which the market's events name by `id`. */
export const LEASE: Subject = {
  kind: 'lease',
  argumentOf: (contract, { inputs }) =>
    contract === MARKET.name && inputs.some(({ name, type }) => name === 'id' && type === 'bytes32')
      ? 'id'
      : undefined,
}

export const leases = entity(lease, { key: 'id', subject: LEASE.kind, column: lease.id })

/** The lease that an event is about. */
export const itsLease = ({ args }: LeaseEvent): Need[] => [[leases, args.id]]

const onMarket = on(MARKET, LEASE.kind)

/** Changes the lease that an event is about, and with it its worker's record. */
const change =
  <E extends LeaseEvent>(by: (before: LeaseRow, event: E) => Partial<LeaseRow>) =>
  (event: E, rows: Rows): void => {
    const { worker } = rows.change(leases, event.args.id, (before) => by(before, event))
    rows.note('worker', worker)
  }

const close = (refused: boolean) =>
  change((_, { args, time }: LeaseEvent<{ refund: bigint }>) => ({
    open: false,
    refused,
    refund: args.refund,
    closedAt: time,
  }))

/** What becomes of a lease, from `LeaseOpened` on. */
export const leaseHandlers: Handler[] = [
  onMarket(
    'LeaseOpened',
    () => [],
    ({ args, time, block, logIndex, transaction }, rows) => {
      const { id, tenant, worker, provider, token, ratePerSecond, deposit, manifestHash } = args
      const noticeMinutes = Number(args.noticeMinutes)
      const name = decodeLeaseName(args.name)
      rows.note('worker', worker)
      rows.put(leases, {
        id,
        shortId: shortId(id),
        wishedName: name?.name ?? null,
        replica: name?.replica ?? null,
        open: true,
        refused: false,
        tenant,
        worker,
        provider,
        token,
        ratePerSecond,
        deposit,
        spent: 0n,
        fee: 0n,
        refund: 0n,
        coveredSeconds: 0,
        manifestHash,
        openedAt: time,
        openedBlock: block,
        openedLogIndex: logIndex,
        closedAt: null,
        noticeUntil: null,
        noticeMinutes,
        transaction,
      })
    },
  ),
  onMarket(
    'LeaseToppedUp',
    itsLease,
    change(({ deposit }, { args }) => ({ deposit: deposit + args.amount })),
  ),
  onMarket(
    'LeaseUpdated',
    itsLease,
    change((_, { args }) => ({ manifestHash: args.manifestHash })),
  ),
  onMarket(
    'LeaseResized',
    itsLease,
    change((_, { args }) => ({ ratePerSecond: args.ratePerSecond, manifestHash: args.manifestHash })),
  ),
  onMarket(
    'LeaseSettled',
    itsLease,
    change(({ spent, fee, coveredSeconds }, { args }) => ({
      spent: spent + args.amount,
      fee: fee + args.fee,
      coveredSeconds: coveredSeconds + Number(args.coveredSeconds),
    })),
  ),
  onMarket(
    'NoticeGiven',
    itsLease,
    change((_, { args }) => ({ noticeUntil: Number(args.noticeUntil) })),
  ),
  onMarket('LeaseClosed', itsLease, close(false)),
  onMarket('LeaseRefused', itsLease, close(true)),
]
