import { SeatRecord } from '@cloister/core'
import { listOf, route } from '../../../api/route.ts'
import { findSeats } from '../queries.ts'

export const listSeats = route(
  {
    path: '/v1/seats',
    summary: 'Seats of the key service, as they were last filled',
    answer: listOf(SeatRecord),
    description: 'All of them.',
  },
  async (_, { database }) => ({ items: await findSeats(database) }),
)
