import { type Check, read, requireThat } from '../run/app.ts'

const orders = async (text: Promise<string>) => JSON.parse(await text)

/** Orders stay in PostgreSQL over an update. */
export const check: Check = {
  use: async (app) => {
    for (let n = 1; n <= 10; n++) {
      const found = await orders(read(`${app.url()}/?what=apple-${n}`, { method: 'POST' }))
      requireThat(found.orders === n, `after ${n} orders there are ${found.orders}`)
    }
  },
  kept: async (app) => {
    const found = await orders(read(app.url()))
    requireThat(found.orders === 10 && found.revision === '2', `found ${JSON.stringify(found)}`)
  },
  load: '/',
}
