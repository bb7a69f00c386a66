import type { Chapter } from '../../engine/chapter.ts'
import { WORKERS } from './contract.ts'
import { WORKER, workerHandlers, workers } from './fold.ts'
import { oneProvider } from './routes/provider.ts'
import { listProviders } from './routes/providers.ts'
import { oneWorker } from './routes/worker.ts'
import { listWorkers } from './routes/workers.ts'

/** Workers, and providers as what their workers add up to. */
export const WORKERS_CHAPTER: Chapter = {
  name: 'workers',
  version: 2,
  contracts: [WORKERS],
  subjects: [WORKER],
  entities: [workers],
  logs: [],
  handlers: workerHandlers,
  routes: [listWorkers, oneWorker, listProviders, oneProvider],
}
