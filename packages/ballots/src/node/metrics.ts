import { addGauges, Counter, type Registry } from '@cloister/operations/metrics'
import type { RunningHub } from './server.ts'

/**
 * Adds a hub's metrics: `posted` counts votes from the beginning, `watch` adds what there is to read of it
 * once it runs. No label says whose vote it was.
 */
export function hubMetrics(registry: Registry): {
  posted: (outcome: string) => void
  watch: (hub: RunningHub) => void
} {
  const votes = new Counter({
    name: 'cloister_hub_posted_votes_total',
    help: 'Votes that were posted, by what came of them: taken, or the code of why not.',
    labelNames: ['outcome'],
    registers: [registry],
  })
  votes.inc({ outcome: 'taken' }, 0)
  return {
    posted: (outcome) => votes.inc({ outcome }),
    watch: ({ hub: { parts } }) =>
      addGauges(registry, [
        {
          name: 'cloister_hub_votes',
          help: 'Votes that the hub keeps, those that others took the place of among them.',
          read: () => parts.store.counts().votes,
        },
        {
          name: 'cloister_hub_ballots',
          help: 'Ballots that it has votes of.',
          read: () => parts.store.counts().ballots,
        },
      ]),
  }
}
