import { Resolver } from 'node:dns/promises'
import { type App, type Check, requireThat } from '../run/app.ts'

async function lookUp(app: App): Promise<void> {
  const { host, port } = app.place('dns', 5353)
  const resolver = new Resolver({ timeout: 2_000, tries: 5 })
  resolver.setServers([`${host}:${port}`])
  const found = await resolver.resolve4('app.example.org')
  requireThat(found.join() === '203.0.113.7', `the name stands for ${found}`)
}

/** A name is looked up over UDP, before and after an update. */
export const check: Check = { use: lookUp, kept: lookUp }
