import type { Route } from '../route.ts'
import { bidRoute } from './bid.ts'
import { collectorsRoute, putCollectorsRoute } from './collectors.ts'
import { dnsAccessRoute } from './dns-access.ts'
import { challengeRoute, domainsRoute } from './domains.ts'
import { endedRoute } from './ended.ts'
import { eventsRoute } from './events.ts'
import { evidenceRoute } from './evidence.ts'
import { holdRoute } from './hold.ts'
import { leaseRoute } from './lease.ts'
import { loginsRoute } from './logins.ts'
import { logsRoute } from './logs.ts'
import { manifestRoute, runningManifestRoute } from './manifest.ts'
import { metricsRoute } from './metrics.ts'
import { meetRoute, networkRoute } from './network.ts'
import { pullRoute } from './pull.ts'
import { resizeRoute } from './resize.ts'
import { routesRoute } from './routes.ts'
import { scrapeRoute, scrapeTokensRoute } from './scrape.ts'
import { handedSecretsRoute, secretsRoute } from './secrets.ts'
import { announceRoute } from './sent.ts'
import { statementRoute } from './statement.ts'
import { verdictRoute } from './verdict.ts'
import { beginStagingRoute, finishStagingRoute, volumesRoute } from './volumes.ts'
import { workerRoute } from './worker.ts'

/** What the worker's interface answers, in the order in which OpenAPI lists it. */
export const ROUTES: readonly Route[] = [
  workerRoute,
  evidenceRoute,
  statementRoute,
  verdictRoute,
  bidRoute,
  resizeRoute,
  announceRoute,
  manifestRoute,
  runningManifestRoute,
  secretsRoute,
  handedSecretsRoute,
  loginsRoute,
  pullRoute,
  holdRoute,
  leaseRoute,
  routesRoute,
  domainsRoute,
  dnsAccessRoute,
  challengeRoute,
  metricsRoute,
  eventsRoute,
  logsRoute,
  endedRoute,
  putCollectorsRoute,
  collectorsRoute,
  scrapeTokensRoute,
  scrapeRoute,
  networkRoute,
  meetRoute,
  volumesRoute,
  beginStagingRoute,
  finishStagingRoute,
]
