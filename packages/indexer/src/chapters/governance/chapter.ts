import type { Chapter } from '../../engine/chapter.ts'
import { GOVERNED } from './contracts.ts'
import { actions, governanceHandlers } from './fold.ts'
import { governanceRoute } from './routes/governance.ts'

/** What the contracts' owner announced, suspended and proposed. */
export const GOVERNANCE_CHAPTER: Chapter = {
  name: 'governance',
  version: 1,
  contracts: GOVERNED,
  subjects: [],
  entities: [],
  logs: [actions],
  handlers: governanceHandlers,
  routes: [governanceRoute],
}
