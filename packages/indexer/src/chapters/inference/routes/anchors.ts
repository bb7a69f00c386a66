import { AnchorRecord, address, bytes32, pageOf } from '@cloister/core'
import { paging, placeOf, toJson } from '../../../api/paging.ts'
import { route } from '../../../api/route.ts'
import { findAnchors } from '../queries.ts'

export const listAnchors = route(
  {
    path: '/v1/anchors',
    summary: 'Batches of receipts that workers anchored, the newest first',
    query: { lease: bytes32.optional(), worker: address.optional(), ...paging },
    answer: pageOf(AnchorRecord),
    description: 'A page.',
    problems: [400],
  },
  async ({ query: { limit, cursor, ...filters } }, { database }) =>
    toJson(await findAnchors(database, filters, limit, placeOf(cursor))),
)
