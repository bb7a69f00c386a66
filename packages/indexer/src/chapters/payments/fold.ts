import { type Handler, log, on } from '../../engine/chapter.ts'
import type { ChainEvent } from '../../engine/contract.ts'
import type { Rows } from '../../engine/rows.ts'
import { MARKET } from '../leases/contract.ts'
import { itsLease, leases } from '../leases/fold.ts'
import { payment } from './tables.ts'

export const payments = log(payment)

const onMarket = on(MARKET)
const none = () => []

/** The money that each event moved. */
export const paymentHandlers: Handler[] = [
  onMarket('LeaseOpened', none, (event, rows) => {
    const { id, tenant, token, deposit } = event.args
    pay(rows, event, { kind: 'deposit', lease: id, account: tenant, token, amount: deposit })
  }),
  onMarket('LeaseToppedUp', itsLease, (event, rows) => {
    const { id, payer, amount } = event.args
    const { token } = rows.require(leases, id)
    pay(rows, event, { kind: 'top-up', lease: id, account: payer, token, amount })
  }),
  onMarket('LeaseSettled', itsLease, (event, rows) => {
    const { id, amount, fee } = event.args
    const { provider, token } = rows.require(leases, id)
    const of = { lease: id, account: provider, token }
    pay(rows, event, { kind: 'earning', ...of, amount: amount - fee })
    pay(rows, event, { kind: 'fee', ...of, amount: fee, part: 1 })
  }),
  onMarket('LeaseClosed', itsLease, refund),
  onMarket('LeaseRefused', itsLease, refund),
  onMarket('Withdrawn', none, (event, rows) => {
    const { account, token, amount } = event.args
    pay(rows, event, { kind: 'withdrawal', lease: null, account, token, amount })
  }),
]

function refund(event: ChainEvent<string, { id: `0x${string}`; refund: bigint }>, rows: Rows): void {
  const { id, refund: amount } = event.args
  const { tenant, token } = rows.require(leases, id)
  pay(rows, event, { kind: 'refund', lease: id, account: tenant, token, amount })
}

/** Adds a payment, unless nothing was paid. */
function pay(
  rows: Rows,
  { block, logIndex, time, transaction }: ChainEvent<string, unknown>,
  {
    part = 0,
    ...of
  }: {
    kind: string
    lease: string | null
    account: string
    token: string
    amount: bigint
    part?: number
  },
): void {
  if (of.amount !== 0n) rows.add(payments, { block, logIndex, part, ...of, time, transaction })
}
