import type { Chapter } from '../../engine/chapter.ts'
import { RECEIPTS, VOUCHERS } from './contracts.ts'
import {
  anchors,
  CHANNEL,
  channels,
  inferenceHandlers,
  OFFER,
  offers,
  PURSE,
  purses,
  SESSION_KEY,
  sessionKeys,
} from './fold.ts'
import { listAnchors } from './routes/anchors.ts'
import { oneChannel } from './routes/channel.ts'
import { listChannels } from './routes/channels.ts'
import { oneKey } from './routes/key.ts'
import { listKeys } from './routes/keys.ts'
import { oneOffer } from './routes/offer.ts'
import { listOffers } from './routes/offers.ts'
import { listPurses } from './routes/purses.ts'
import { oneReceipt } from './routes/receipt.ts'

/** Models that are paid by the token: offers, purses, session keys, channels, and anchored receipts. */
export const INFERENCE_CHAPTER: Chapter = {
  name: 'inference',
  version: 1,
  contracts: [VOUCHERS, RECEIPTS],
  subjects: [OFFER, PURSE, SESSION_KEY, CHANNEL],
  entities: [offers, purses, sessionKeys, channels],
  logs: [anchors],
  handlers: inferenceHandlers,
  routes: [
    listOffers,
    oneOffer,
    listChannels,
    oneChannel,
    listKeys,
    oneKey,
    listPurses,
    listAnchors,
    oneReceipt,
  ],
}
