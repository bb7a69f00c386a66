import { checkRequest } from '@cloister/core'
import { type SentTransaction, TransactionRequest } from '@cloister/workload/wire'
import { bodyOf, type Route } from '../route.ts'

/** Transactions that the worker sends for the lease: claims, draws and roots of receipts. */
export const transactionsRoute: Route = {
  add: (app, { transactions }, { lease }) => {
    app.post('/v1/transactions', async (context) => {
      const request = checkRequest(TransactionRequest, await bodyOf(context))
      const hash = await transactions.send(lease, request)
      return context.json({ hash } satisfies SentTransaction)
    })
  },
}
