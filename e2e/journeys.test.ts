import { afterAll, beforeAll, describe } from 'vitest'
import { canDeploy, raiseStage, type Stage } from './embedded.ts'
import { browserTests } from './journeys/browser.ts'
import { clusterTests } from './journeys/cluster.ts'
import { failureTests } from './journeys/failures.ts'
import { pausingTests } from './journeys/pausing.ts'
import { providerTests } from './journeys/provider.ts'
import { registryTests } from './journeys/registry.ts'
import { pageTests } from './journeys/sdk-browser.ts'
import { watchingTests } from './journeys/watching.ts'

/** Journeys that leave a network as they found it, and so share one. */
describe.skipIf(!canDeploy)('on one network', () => {
  let stage: Stage

  beforeAll(async () => {
    stage = await raiseStage()
  })

  afterAll(() => stage?.end(), 180_000)

  pageTests(() => stage)
  browserTests(() => stage)
  failureTests(() => stage)
  registryTests(() => stage)
  providerTests(() => stage)
  clusterTests(() => stage)
  watchingTests(() => stage)
  pausingTests(() => stage)
})
