import { loop, messageOf } from '@cloister/core'
import type { MakePart } from './part.ts'

const LOOK_MS = 1_000

/** Looks up whose domains are, and has certificates for them. */
export const domainsPart: MakePart = ({ machine: { log }, domains }) => ({
  name: 'domains',
  start: async (signal) => {
    await loop(signal, async () => {
      await domains.keeper
        .look(signal)
        .catch((error) => log('warn', 'domains could not be looked after', { error: messageOf(error) }))
      return LOOK_MS
    })
    await domains.keeper.settled()
    domains.close()
  },
})
