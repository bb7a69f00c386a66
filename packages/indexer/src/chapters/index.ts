import type { Chapter } from '../engine/chapter.ts'
import { APPS_CHAPTER } from './apps/chapter.ts'
import { EVENTS_CHAPTER } from './events/chapter.ts'
import { GOVERNANCE_CHAPTER } from './governance/chapter.ts'
import { INFERENCE_CHAPTER } from './inference/chapter.ts'
import { LEASES_CHAPTER } from './leases/chapter.ts'
import { PAYMENTS_CHAPTER } from './payments/chapter.ts'
import { STAKE_CHAPTER } from './stake/chapter.ts'
import { TOTALS_CHAPTER } from './totals/chapter.ts'
import { WORKERS_CHAPTER } from './workers/chapter.ts'

/** What the index knows. An event is folded by one after the other; each may read rows of those before it. */
export const CHAPTERS: readonly Chapter[] = [
  WORKERS_CHAPTER,
  LEASES_CHAPTER,
  PAYMENTS_CHAPTER,
  STAKE_CHAPTER,
  GOVERNANCE_CHAPTER,
  APPS_CHAPTER,
  INFERENCE_CHAPTER,
  EVENTS_CHAPTER,
  TOTALS_CHAPTER,
]
