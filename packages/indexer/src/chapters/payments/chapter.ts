import type { Chapter } from '../../engine/chapter.ts'
import { MARKET } from '../leases/contract.ts'
import { paymentHandlers, payments } from './fold.ts'
import { listPayments } from './routes/payments.ts'
import { feeTotals } from './totals.ts'

/** Money that leases moved. */
export const PAYMENTS_CHAPTER: Chapter = {
  name: 'payments',
  version: 2,
  contracts: [MARKET],
  subjects: [],
  entities: [],
  logs: [payments],
  totals: [feeTotals],
  handlers: paymentHandlers,
  routes: [listPayments],
}
