import { type App, type Check, read, requireThat } from '../run/app.ts'

const notes = async (app: App) => JSON.parse(await read(app.url()))

/** Notes stay in MariaDB over an update. */
export const check: Check = {
  use: async (app) => {
    for (const body of ['milk', 'bread', 'Grüße']) await read(app.url(), { method: 'POST', body })
    requireThat((await notes(app)).notes.join() === 'milk,bread,Grüße', 'the notes are others')
  },
  kept: async (app) => {
    const found = await notes(app)
    requireThat(found.notes.join() === 'milk,bread,Grüße' && found.revision === '2', JSON.stringify(found))
  },
  load: '/',
}
