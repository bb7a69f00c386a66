import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { promisify } from 'node:util'
import { parseManifest } from '@cloister/core'
import { leases, type MoveRecord } from '@cloister/sdk'
import { exec } from '@cloister/sdk/node'
import { Steps, say, table } from '@cloister/terminal'
import { raiseNetwork } from './network.ts'
import { times } from './numbers.ts'

const MIB = 1024 * 1024
/** Files of the volume, and what is written to each. */
const FILES = 64
const FILE_BYTES = 16 * MIB
/** Files that change between two passes over the volume. */
const CHANGED = 4
const FILE = `
services:
  web:
    image: cloister/hello:1
    ports: ["8080"]
    volumes: ["data:/data"]
    restart: always
    deploy: { resources: { limits: { cpus: "0.25", memory: 512M } } }
volumes:
  data: { x-size: 2g }
`
/** Nothing packs it. */
const FILL = `const fs = require('fs'), c = require('crypto')
for (let i = Number(process.argv[1]); i < Number(process.argv[2]); i++) {
  const f = fs.openSync('/data/' + i, 'w')
  for (let n = 0; n < ${FILE_BYTES / MIB}; n++) fs.writeSync(f, c.randomBytes(${MIB}))
  fs.closeSync(f)
}`

/**
 * Moves a lease with a volume of 1 GiB from one worker to another, next to rsync between two folders of this
 * machine: stopped for all of it, as `docker save` and a copy of the volume have it, and with a first pass
 * while it runs.
 */
export async function benchMove(): Promise<void> {
  const steps = new Steps(false)
  const { tenant: cloister, folder, end } = await raiseNetwork(steps)
  try {
    const { manifest } = parseManifest(FILE, { file: 'compose.yaml' })
    steps.begin('deploy', 'a lease with a volume')
    const deployed = await leases.deploy(cloister, { manifest, pay: 'USDC', deposit: () => 72_000n })
    const { asTenant } = await leases.openSession(cloister, deployed.lease)
    steps.begin('fill', `${(FILES * FILE_BYTES) / MIB} MiB of random bytes`)
    const argv = ['node', '-e', FILL, '0', String(FILES)]
    const nowhere = () => new Writable({ write: (_, __, done) => done() })
    const code = await exec(asTenant, {
      ...{ lease: deployed.lease, argv, stdin: undefined, stdout: nowhere(), stderr: process.stderr },
    })
    if (code !== 0) throw new Error(`filling the volume ended with code ${code}`)
    let record: MoveRecord | undefined
    const moved = await leases.move(cloister, deployed.lease, {
      manifest,
      pay: 'USDC',
      deposit: 72_000n,
      journal: { read: () => record, write: (next) => (record = next), remove: () => (record = undefined) },
      onStep: (step, detail) => steps.begin(step, detail),
    })
    await leases.close(cloister, moved.to)
    const ours = { total: moved.totalMs, stopped: moved.downtimeMs ?? Number.NaN }
    const peer = existsSync('/usr/bin/rsync') ? await rsyncs(folder, steps) : undefined
    steps.done()
    const seconds = (value: number) => `${(value / 1000).toFixed(1)} s`
    const row = (name: string, { total, stopped }: typeof ours, note: string) => [
      name,
      seconds(total),
      seconds(stopped),
      peer ? times(stopped, peer.once.stopped) : '',
      note,
    ]
    say(
      table(
        ['1 GiB in 64 files', 'in all', 'nothing ran', 'to rsync once', ''],
        [
          row(
            'cloister move',
            ours,
            `${Math.round(moved.sentBytes / MIB)} MiB sent, ${Math.ceil(moved.sentWhileStoppedBytes / MIB)} of it while stopped; with a lease opened, started and closed`,
          ),
          ...(peer
            ? [
                row('rsync once, stopped', peer.once, 'from folder to folder, not sealed; without any start'),
                row('rsync, then stopped', peer.twice, `${CHANGED} of ${FILES} files changed meanwhile`),
              ]
            : []),
        ],
        ['in all', 'nothing ran', 'to rsync once'],
      ),
    )
  } finally {
    await end()
  }
}

/** What rsync takes for the same bytes, over a pipe of its own as over ssh, without what ssh takes. */
async function rsyncs(folder: string, steps: Steps) {
  const [from, once, twice] = ['from', 'once', 'twice'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ]
  await mkdir(from)
  const fill = (first: number, last: number) =>
    promisify(execFile)(process.execPath, [
      '-e',
      FILL.replace("'/data/'", `'${from}/'`),
      `${first}`,
      `${last}`,
    ])
  const copy = async (to: string) => {
    const begun = performance.now()
    // What was written is on the disk at the end, as it is with ours.
    await promisify(execFile)('rsync', ['-a', '--whole-file', '--fsync', `${from}/`, `${to}/`])
    return performance.now() - begun
  }
  steps.begin('rsync', 'filling a folder')
  await fill(0, FILES)
  steps.begin('rsync', 'once')
  const whole = await copy(once)
  steps.begin('rsync', 'twice')
  const live = await copy(twice)
  await fill(0, CHANGED)
  const last = await copy(twice)
  await rm(from, { recursive: true })
  return { once: { total: whole, stopped: whole }, twice: { total: live + last, stopped: last } }
}
