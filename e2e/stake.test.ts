import { afterAll, beforeAll, describe } from 'vitest'
import { raiseStage, type Stage } from './embedded.ts'
import { dayTests } from './stake/a-day.ts'
import { registerGpuWorker } from './stake/gpu-workers.ts'
import { Ground } from './stake/ground.ts'
import { joiningTests } from './stake/joining.ts'
import { shownTests } from './stake/shown.ts'

describe('stake and emission on the embedded network', () => {
  let stage: Stage
  let ground: Ground

  beforeAll(async () => {
    stage = await raiseStage()
    const [one, two, three, verifier] = [
      await registerGpuWorker(stage, { account: 1, gpuClass: 'h100', gpus: 2 }),
      await registerGpuWorker(stage, { account: 2, gpuClass: 'h200', gpus: 1 }),
      await registerGpuWorker(stage, { account: 3, gpuClass: 'b200', gpus: 1 }),
      await registerGpuWorker(stage, { account: 0, gpuClass: '', gpus: 0 }),
    ]
    ground = new Ground(stage, [one, two, three], verifier)
  }, 180_000)

  afterAll(() => stage?.end(), 120_000)

  joiningTests(() => ground)
  dayTests(() => ground)
  shownTests(() => ground)
})
