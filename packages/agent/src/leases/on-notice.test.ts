import { PassThrough } from 'node:stream'
import { parseManifest } from '@cloister/core'
import type { ExecSession } from '@cloister/executors'
import { expect, it } from 'vitest'
import { runOnNotice } from './on-notice.ts'

const LEASE = `0x${'1'.repeat(64)}`
const { manifest } = parseManifest(
  `services:
  db: { image: db, x-on-notice: "pg_dump > /data/last; echo $$1" }
  web: { image: web, x-on-notice: [kill, -USR1, "1"], deploy: { replicas: 2 } }
  idle: { image: idle }
`,
  { file: 'compose.yaml' },
)

/** An engine in which some containers run, and commands end as `ends` says. */
function engineOf(running: string[], ends: (name: string) => Promise<number>) {
  const began: [string, string[]][] = []
  const killed: string[] = []
  const executor = {
    containers: async () => running.map((name) => ({ name, running: true })) as never,
    exec: async (_lease: string, name: string, { argv }: { argv: string[] }) => {
      began.push([name, argv])
      if (name === 'web-1') throw new Error('no such program')
      return {
        stdin: new PassThrough(),
        stdout: new PassThrough(),
        stderr: new PassThrough(),
        exit: ends(name),
        resize: async () => {},
        kill: () => killed.push(name),
      } as unknown as ExecSession
    },
  }
  return { executor, began, killed }
}

it('runs each service’s command where it runs, and tells how it ended', async () => {
  const { executor, began } = engineOf(['db-0', 'web-1', 'idle-0'], async () => 3)
  const said: string[] = []
  const until = Math.floor(Date.now() / 1000) + 600
  await runOnNotice(executor, LEASE, manifest, until, (message) => said.push(message))
  expect(began).toEqual([
    ['db-0', ['/bin/sh', '-c', 'pg_dump > /data/last; echo $1', 'on-notice', String(until)]],
    ['web-1', ['kill', '-USR1', '1']],
  ])
  expect(said.sort()).toEqual([
    'db-0: its command for notice ended with 3.',
    'web-0 does not run, so its command for notice does not either.',
    'web-1: its command for notice did not run: no such program.',
  ])
})

it('gives a command until the lease ends', async () => {
  const { executor, killed } = engineOf(['db-0'], () => new Promise(() => {}))
  const said: string[] = []
  await runOnNotice(executor, LEASE, manifest, 1, (message) => said.push(message))
  expect(killed).toEqual(['db-0'])
  expect(said).toContain('db-0: its command for notice was not done in time.')
})
