import { type App, type Check, read, requireThat, until } from '../run/app.ts'

const page = (app: App) => read(`${app.url()}/wiki?name=Garden`)

/** A page that was written stays over an update. */
export const check: Check = {
  use: async (app) => {
    await until('it answers', () => read(`${app.url()}/wiki?name=None`))
    const write =
      'echo "Apples grow here." | fossil wiki create Garden -R /data/wiki.fossil --mimetype text/plain'
    await app.exec('fossil', 'sh', '-c', write)
    requireThat((await page(app)).includes('Apples grow here.'), 'the page is not there')
  },
  kept: async (app) => requireThat((await page(app)).includes('Apples grow here.'), 'the page is gone'),
  load: '/wiki?name=Garden',
}
