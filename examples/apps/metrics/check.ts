import { type App, type Check, read, requireThat, until } from '../run/app.ts'

const asked = async (app: App) => {
  const { data } = JSON.parse(await read(`${app.url()}/api/v1/query?query=program_asked`))
  return Number(data.result[0]?.value[1] ?? 0)
}

/** Prometheus reads a program's metrics; the lease's own are read with a token. */
export const check: Check = {
  use: async (app) => {
    await until('Prometheus has read the program three times', async () => (await asked(app)) >= 3)
    const { url, token } = await app.json('metrics', 'token', app.name)
    const text = await read(url, { headers: { authorization: `Bearer ${token}` } })
    requireThat(/^cloister_\w+\{.*prometheus.*\} \d/m.test(text), 'the lease tells no metrics of its service')
    const without = await fetch(url)
    requireThat(without.status === 401, `without a token it answers ${without.status}`)
  },
  kept: async (app) => {
    const query = 'count_over_time(program_asked[10m])'
    const { data } = JSON.parse(
      await until('it answers', () => read(`${app.url()}/api/v1/query?query=${encodeURIComponent(query)}`)),
    )
    requireThat(Number(data.result[0]?.value[1] ?? 0) >= 3, 'what was read before is gone')
  },
  load: '/-/healthy',
}
