import type { Route } from '../route.ts'
import { callRoute } from './call.ts'
import { quoteRoute } from './quote.ts'
import { receiptsRoute } from './receipts.ts'
import { rpcRoute } from './rpc.ts'
import { sealingKeyRoute } from './sealing-key.ts'
import { seatConsentRoute } from './seat-consent.ts'
import { selfRoute } from './self.ts'
import { transactionsRoute } from './transactions.ts'

/** What the agent answers in a container. */
export const ROUTES: readonly Route[] = [
  selfRoute,
  sealingKeyRoute,
  quoteRoute,
  seatConsentRoute,
  receiptsRoute,
  transactionsRoute,
  rpcRoute,
  callRoute,
]
