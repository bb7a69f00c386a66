import { type App, type Check, read, requireThat } from '../run/app.ts'

const ask = async (app: App) => JSON.parse(await read(`${app.url()}/30000`))

/** What was reckoned once comes out of the cache, which an update of the program beside it leaves alone. */
export const check: Check = {
  use: async (app) => {
    const [first, second] = [await ask(app), await ask(app)]
    requireThat(first.primes === 3245 && !first.cached, `it says ${JSON.stringify(first)} at first`)
    requireThat(second.primes === 3245 && second.cached, `it says ${JSON.stringify(second)} then`)
  },
  kept: async (app) => {
    const found = await ask(app)
    requireThat(found.primes === 3245 && found.revision === '2', JSON.stringify(found))
  },
  load: '/30000',
}
