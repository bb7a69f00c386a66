import { loop, messageOf } from '@cloister/core'
import type { MakePart } from './part.ts'

const LOOK_MS = 3_600_000

/** Removes what tenants have sent and no lease takes any more. */
export const sentPart: MakePart = ({ machine: { sent, log } }) => ({
  name: 'sent',
  start: (signal) =>
    loop(signal, async () => {
      await sent
        .sweep()
        .catch((error) =>
          log('warn', 'what was sent could not be looked through', { error: messageOf(error) }),
        )
      return LOOK_MS
    }),
})
