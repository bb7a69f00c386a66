import { join } from 'node:path'
import { DevelopmentRoot } from '@cloister/development/root'
import { afterAll, beforeAll, describe } from 'vitest'
import { badEvidenceTests } from './attestation/bad-evidence.ts'
import { type Ground, HELLO } from './attestation/ground.ts'
import { impostorTests } from './attestation/impostor.ts'
import { lapseTests } from './attestation/lapse.ts'
import { otherHardwareTests } from './attestation/other-hardware.ts'
import { tenantTests } from './attestation/tenant.ts'
import { canDeploy, raiseStage } from './embedded.ts'

describe.skipIf(!canDeploy)(
  'attestation on a running network',
  () => {
    const ground = {} as Ground

    beforeAll(async () => {
      ground.stage = await raiseStage()
      ground.root = await DevelopmentRoot.open(join(ground.stage.folder, 'state', 'attestation'))
      ground.lease = await ground.stage.json('deploy', HELLO, '--for', '4h', '--name', 'mine', '--yes')
    })

    afterAll(() => ground.stage.end(), 180_000)

    tenantTests(ground)
    badEvidenceTests(ground)
    otherHardwareTests(ground)
    impostorTests(ground)
    lapseTests(ground)
  },
  180_000,
)
