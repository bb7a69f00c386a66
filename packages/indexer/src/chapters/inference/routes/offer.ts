import { bytes32, CloisterError, OfferRecord } from '@cloister/core'
import { route } from '../../../api/route.ts'
import { findOffers } from '../queries.ts'

export const oneOffer = route(
  {
    path: '/v1/offers/{offer}',
    summary: 'One offer, whether it stands or not',
    params: { offer: bytes32 },
    answer: OfferRecord,
    description: 'The offer.',
    problems: [404],
  },
  async ({ params: { offer } }, { database }) => {
    const [found] = (await findOffers(database, { offer }, 1)).items
    if (found) return found
    throw new CloisterError('not-found', 'There is no such offer.')
  },
)
