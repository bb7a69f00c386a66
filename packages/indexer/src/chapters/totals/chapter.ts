import type { Chapter } from '../../engine/chapter.ts'
import { totals } from './routes/totals.ts'

/** The network in numbers, out of the other chapters' tables. */
export const TOTALS_CHAPTER: Chapter = {
  name: 'totals',
  version: 1,
  contracts: [],
  subjects: [],
  entities: [],
  logs: [],
  handlers: [],
  routes: [totals],
}
