import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { until } from './embedded.ts'

const SEARCH = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin']
const KNOTD = SEARCH.map((folder) => join(folder, 'knotd')).find(existsSync)

/** Whether this machine has Knot DNS, a name server (Debian's package knot). */
export const hasKnot = KNOTD !== undefined

/** A real name server, which holds one zone. */
export interface KnotSettings {
  address: string
  port: number
  zone: string
  /** Lines of the zone. */
  records?: readonly string[]
  /** A key that may change TXT records at and below `below`, names relative to the zone. */
  key?: { name: string; secret: string; below: string }
  /** Who gets copies of the zone, or whom they are got from. */
  secondary?: string
  primary?: string
}

/** Starts Knot DNS in a folder of its own. */
export async function startKnot(folder: string, settings: KnotSettings): Promise<{ stop(): Promise<void> }> {
  const { address, port, zone, records = [], key, secondary, primary } = settings
  const at = join(folder, `knot-${address}`)
  mkdirSync(at, { recursive: true })
  const soa = `@ 60 IN SOA ns1.${zone}. me.${zone}. 1 60 60 3600 1`
  writeFileSync(join(at, 'zone'), [`$ORIGIN ${zone}.`, soa, ...records, ''].join('\n'))
  const peer = secondary ?? primary
  const acl = [
    ...(key ? ['update'] : []),
    ...(secondary === undefined ? [] : ['copies']),
    ...(primary === undefined ? [] : ['news']),
  ]
  const lines = [
    `server:\n  rundir: ${at}\n  listen: ${address}@${port}`,
    'log:\n  - target: stderr\n    any: warning',
    `database:\n  storage: ${at}`,
    ...(key ? [`key:\n  - id: ${key.name}\n    algorithm: hmac-sha256\n    secret: ${key.secret}`] : []),
    ...(peer === undefined ? [] : [`remote:\n  - id: peer\n    address: ${peer}@${port}`]),
    'acl:',
    ...(key
      ? [
          `  - id: update\n    key: ${key.name}\n    action: update\n    update-type: [TXT]`,
          `    update-owner: name\n    update-owner-match: sub-or-equal\n    update-owner-name: [${key.below}]`,
        ]
      : []),
    `  - id: copies\n    address: 127.0.0.0/8\n    action: transfer`,
    `  - id: news\n    address: 127.0.0.0/8\n    action: notify`,
    `zone:\n  - domain: ${zone}\n    acl: [${acl.join(', ')}]`,
    '    zonefile-sync: -1\n    zonefile-load: difference\n    journal-content: all',
    ...(primary === undefined ? [`    file: ${join(at, 'zone')}`] : ['    master: peer']),
    ...(secondary === undefined ? [] : ['    notify: peer']),
    '',
  ]
  writeFileSync(join(at, 'knot.conf'), lines.join('\n'))
  const child = spawn(KNOTD ?? 'knotd', ['-c', join(at, 'knot.conf')], { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk))
  const ended = new Promise((done) => child.once('exit', done))
  await until('the name server listens', async () => {
    if (child.exitCode !== null) throw new Error(said)
    return existsSync(join(at, 'knot.sock')) ? true : undefined
  })
  return {
    stop: async () => {
      child.kill('SIGKILL')
      await ended
    },
  }
}
