import type { Chapter } from '../../engine/chapter.ts'
import { APPS, KEY_SERVICE } from './contracts.ts'
import { APP, allowances, appHandlers, apps } from './fold.ts'
import { oneApp } from './routes/app.ts'
import { listApps } from './routes/apps.ts'
import { listSeats } from './routes/seats.ts'
import { SEAT, seatHandlers, seats } from './seats.ts'

/** Apps with their policies, and the key service's seats. */
export const APPS_CHAPTER: Chapter = {
  name: 'apps',
  version: 2,
  contracts: [APPS, KEY_SERVICE],
  subjects: [APP, SEAT],
  entities: [apps, allowances, seats],
  logs: [],
  handlers: [...appHandlers, ...seatHandlers],
  routes: [listApps, oneApp, listSeats],
}
