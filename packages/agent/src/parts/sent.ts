import { loop, messageOf } from '@cloister/core'
import type { MakePart } from './part.ts'

const LOOK_MS = 60_000
/** Looks from one time that all of it is gone through to the next. */
const LOOKS = 60

/** Removes what tenants have sent and no lease takes any more; at once where leases would lack its room. */
export const sentPart: MakePart = ({ machine: { sent, volumes, log } }) => ({
  name: 'sent',
  start: (signal) => {
    let looks = 0
    return loop(signal, async () => {
      const sweep = () => Promise.all([sent.sweep(), volumes.sweep()])
      await (looks++ % LOOKS === 0 ? sweep() : sent.relieve()).catch((error) =>
        log('warn', 'what was sent could not be looked through', { error: messageOf(error) }),
      )
      return LOOK_MS
    })
  },
})
