import { bytes32, ChannelRecord, CloisterError } from '@cloister/core'
import { route } from '../../../api/route.ts'
import { findChannels } from '../queries.ts'

export const oneChannel = route(
  {
    path: '/v1/channels/{channel}',
    summary: 'One channel',
    params: { channel: bytes32 },
    answer: ChannelRecord,
    description: 'The channel.',
    problems: [404],
  },
  async ({ params: { channel } }, { database }) => {
    const [found] = (await findChannels(database, { channel }, 1)).items
    if (found) return found
    throw new CloisterError('not-found', 'There is no such channel, or it never had money.')
  },
)
