import { type App, type Check, read, until } from '../run/app.ts'

/** Requests reach all three programs. */
const shared = async (app: App) => {
  const seen = new Set<string>()
  await until('all three have answered', async () => seen.add((await read(app.url())).trim()).size === 3)
}

export const check: Check = { use: shared, kept: shared, load: '/' }
