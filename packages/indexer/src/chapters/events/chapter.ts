import type { Chapter } from '../../engine/chapter.ts'
import { events } from './routes/events.ts'
import { stream } from './routes/stream.ts'

/** The engine's own table of events, and what changes as it happens. */
export const EVENTS_CHAPTER: Chapter = {
  name: 'events',
  version: 1,
  contracts: [],
  subjects: [],
  entities: [],
  logs: [],
  handlers: [],
  routes: [events, stream],
}
