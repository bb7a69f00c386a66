import { signReceipt } from '@cloister/chain'
import { checkRequest, receiptToJson } from '@cloister/core'
import { ReceiptRequest } from '@cloister/workload/wire'
import { bodyOf, type Route } from '../route.ts'

/** The worker's signature under something that the container did. */
export const receiptsRoute: Route = {
  add: (app, { chain, key, receipts }, { lease }) => {
    app.post('/v1/receipts', async (context) => {
      const { content } = checkRequest(ReceiptRequest, await bodyOf(context))
      // Numbered for good before it is signed: no number is ever signed twice.
      const numbered = { era: receipts.era, sequence: receipts.next(lease) }
      const receipt = { worker: key.address, lease, ...numbered, content }
      return context.json(receiptToJson(await signReceipt(chain.network, key, receipt)))
    })
  },
}
