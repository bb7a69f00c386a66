import { type Check, read, requireThat, until } from '../run/app.ts'

const RUN = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/m

/** A job runs by its schedule, and what it wrote stays. */
export const check: Check = {
  use: async (app) => {
    await until('the job ran', async () => RUN.test(await read(`${app.url()}/runs.txt`)), 80)
  },
  kept: async (app) => requireThat(RUN.test(await read(`${app.url()}/runs.txt`)), 'its pages are gone'),
  load: '/runs.txt',
}
