import { fromChain } from '@cloister/chain'
import { decodeLeaseName, shortId } from '@cloister/core'
import { type Address, type Hex, hexToString } from 'viem'
import type { event, lease, payment, worker } from '../../database/schema.ts'

export type EventRow = typeof event.$inferSelect
export type LeaseRow = typeof lease.$inferSelect
export type WorkerRow = typeof worker.$inferSelect
export type PaymentRow = typeof payment.$inferSelect

/**
 * A lease after one more of its events. Events come in the order of the chain, beginning with `LeaseOpened`.
 */
export function foldLease(before: LeaseRow | undefined, row: EventRow): LeaseRow | undefined {
  const args = row.args as Record<string, string>
  if (row.name === 'LeaseOpened') {
    return {
      id: row.lease ?? '',
      shortId: shortId(row.lease as Hex),
      wishedName: decodeLeaseName(args['name'] as Hex) ?? null,
      open: true,
      refused: false,
      tenant: args['tenant'] ?? '',
      worker: args['worker'] ?? '',
      provider: args['provider'] ?? '',
      token: args['token'] ?? '',
      ratePerSecond: BigInt(args['ratePerSecond'] ?? 0),
      deposit: BigInt(args['deposit'] ?? 0),
      spent: 0n,
      fee: 0n,
      refund: 0n,
      coveredSeconds: 0,
      manifestHash: args['manifestHash'] ?? '',
      openedAt: row.time,
      openedBlock: row.block,
      openedLogIndex: row.logIndex,
      closedAt: null,
      noticeUntil: null,
      transaction: row.transaction,
    }
  }
  if (!before) return undefined
  switch (row.name) {
    case 'LeaseToppedUp':
      return { ...before, deposit: before.deposit + BigInt(args['amount'] ?? 0) }
    case 'LeaseUpdated':
      return { ...before, manifestHash: args['manifestHash'] ?? '' }
    case 'LeaseSettled':
      return {
        ...before,
        spent: before.spent + BigInt(args['amount'] ?? 0),
        fee: before.fee + BigInt(args['fee'] ?? 0),
        coveredSeconds: before.coveredSeconds + Number(args['coveredSeconds']),
      }
    case 'NoticeGiven':
      return { ...before, noticeUntil: Number(args['noticeUntil']) }
    case 'LeaseClosed':
    case 'LeaseRefused':
      return {
        ...before,
        open: false,
        refused: row.name === 'LeaseRefused',
        refund: BigInt(args['refund'] ?? 0),
        closedAt: row.time,
      }
    default:
      return before
  }
}

/** A worker after one more of its events. Covered time adds up as in Workers.sol. */
export function foldWorker(before: WorkerRow | undefined, row: EventRow): WorkerRow | undefined {
  const described = () => {
    // As the event was decoded; see `descriptionOf` in read.ts.
    const description = fromChain(row.args['description'] as Parameters<typeof fromChain>[0])
    return {
      ...description,
      cpuMilli: Number(description.cpuMilli),
      memoryMiB: Number(description.memoryMiB),
      diskMiB: Number(description.diskMiB),
      gpus: Number(description.gpus),
    }
  }
  if (row.name === 'WorkerRegistered')
    return {
      address: row.worker ?? '',
      provider: String(row.args['provider']),
      ...described(),
      retired: false,
      registeredAt: row.time,
      coveredBefore: 0,
      coveredFrom: 0,
      coveredUntil: 0,
      platform: null,
      image: null,
      tlsKeyHash: null,
      attestedAt: null,
      confirmedGpuClass: null,
      confirmedGpus: null,
      confirmedUntil: null,
    }
  if (!before) return undefined
  switch (row.name) {
    case 'WorkerDescribed':
      return { ...before, ...described() }
    case 'WorkerRetiredBy':
      return { ...before, retired: true }
    case 'Covered': {
      const start = Number(row.args['start'])
      const until = Number(row.args['until'])
      if (start === before.coveredFrom) return { ...before, coveredUntil: until }
      return {
        ...before,
        coveredBefore: before.coveredBefore + before.coveredUntil - before.coveredFrom,
        coveredFrom: start,
        coveredUntil: until,
      }
    }
    case 'Attested':
    case 'AttestedByVerdict':
      return {
        ...before,
        platform: text(row, 'platform'),
        image: text(row, 'image'),
        tlsKeyHash: text(row, 'tlsKeyHash'),
        attestedAt: row.time,
      }
    case 'GpusConfirmed': {
      const confirmedGpuClass = hexToString(text(row, 'gpuClass') as Hex).replace(/\0+$/, '')
      return {
        ...before,
        confirmedGpuClass,
        confirmedGpus: Number(row.args['gpus']),
        confirmedUntil: Number(row.args['until']),
      }
    }
    case 'CoverageEnded':
      return { ...before, coveredUntil: Number(row.args['until']) }
    default:
      return before
  }
}

function text(row: EventRow, name: string): string {
  return String(row.args[name])
}

/** The money an event moved. `of` is the lease the event is about, as it was opened. */
export function paymentsOf(row: EventRow, of: LeaseRow | undefined): PaymentRow[] {
  const args = row.args as Record<string, string>
  const pay = (
    part: number,
    kind: string,
    account: string | undefined,
    amount: bigint,
    token = of?.token,
  ): PaymentRow[] =>
    account === undefined || token === undefined || amount === 0n
      ? []
      : [
          {
            block: row.block,
            logIndex: row.logIndex,
            part,
            kind,
            lease: row.lease,
            account,
            token,
            amount,
            time: row.time,
            transaction: row.transaction,
          },
        ]
  switch (row.name) {
    case 'LeaseOpened':
      return pay(0, 'deposit', args['tenant'], BigInt(args['deposit'] ?? 0), args['token'])
    case 'LeaseToppedUp':
      return pay(0, 'top-up', args['payer'], BigInt(args['amount'] ?? 0))
    case 'LeaseSettled': {
      const fee = BigInt(args['fee'] ?? 0)
      return [
        ...pay(0, 'earning', of?.provider, BigInt(args['amount'] ?? 0) - fee),
        ...pay(1, 'fee', of?.provider, fee),
      ]
    }
    case 'LeaseClosed':
    case 'LeaseRefused':
      return pay(0, 'refund', of?.tenant, BigInt(args['refund'] ?? 0))
    case 'Withdrawn':
      return pay(0, 'withdrawal', args['account'] as Address, BigInt(args['amount'] ?? 0), args['token'])
    default:
      return []
  }
}
