import { type App, type Check, read, requireThat, until } from '../run/app.ts'

const done = async (app: App, jobs: number) =>
  until(`${jobs} jobs are done`, async () => {
    const found = JSON.parse(await read(app.url()))
    return found.done === jobs && found
  })

/** Two workers take work out of Redis; what they did stays over an update. */
export const check: Check = {
  use: async (app) => {
    await read(`${app.url()}/?n=100`, { method: 'POST' })
    // 0² + 1² + … + 99².
    requireThat((await done(app, 100)).sum === 328_350, 'the squares add up to something else')
  },
  kept: async (app) => {
    requireThat((await done(app, 100)).revision === '2', 'the old revision answers')
    await read(`${app.url()}/?n=3`, { method: 'POST' })
    requireThat((await done(app, 103)).sum === 328_355, 'the squares add up to something else')
  },
  load: '/',
}
