import { spawn } from 'node:child_process'
import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import type { Lease } from './lease.ts'
import { IS_ROOT } from './places.ts'
import type { StoredSpec } from './record.ts'
import { passedLimits } from './rlimits.ts'
import { inGroups, SEARCH_PATH } from './run.ts'

const LOG_BYTES = 20 * 1024 * 1024

/** A container whose bundle is written. */
interface Monitored {
  lease: Lease
  id: string
  /** Its bundle, where the monitor writes down what it says and does. */
  folder: string
  /** Where the monitor writes down how the container ended. */
  exitFolder: string
  logPath: string
  runtimeOptions: readonly string[]
  spec: StoredSpec
}

/**
 * Has the monitor have the runtime create the container. Gives its first process, which waits for its
 * start.
 */
export async function createByMonitor({
  lease,
  id,
  folder,
  exitFolder,
  logPath,
  runtimeOptions,
  spec,
}: Monitored): Promise<number> {
  const words = [
    '--api-version',
    '1',
    '--cid',
    id,
    '--cuuid',
    id,
    '--name',
    id,
    '--bundle',
    folder,
    '--runtime',
    lease.runtimePath,
  ]
  words.push(
    '--container-pidfile',
    join(folder, 'pid'),
    '--conmon-pidfile',
    join(folder, 'conmon.pid'),
    '--exit-dir',
    exitFolder,
  )
  words.push(
    '--persist-dir',
    folder,
    '--socket-dir-path',
    exitFolder,
    '--full-attach',
    '--no-sync-log',
    '--log-level',
    'error',
  )
  if (spec.terminal) words.push('--terminal')
  if (spec.openStdin) words.push('--stdin', '--leave-stdin-open')
  words.push(...logWords(spec, logPath))
  for (const word of runtimeOptions) words.push(`--runtime-arg=${word}`)
  const [program = '', ...rest] = inGroups(
    lease.groups.keeperFiles,
    await lease.asOwner(['conmon', ...words]),
  )
  // What it says itself goes to a file, not to a pipe of ours that would keep it from outliving us.
  const errors = await open(join(folder, 'conmon.log'), 'w', 0o600)
  try {
    return await new Promise((resolve, reject) => {
      const child = spawn(program, rest, {
        stdio: ['ignore', 'ignore', errors.fd, 'pipe'],
        env: {
          PATH: SEARCH_PATH,
          _OCI_SYNCPIPE: '3',
          CLOISTER_LIMITS: passedLimits(spec.ulimits).join(' '),
          ...(IS_ROOT ? {} : { XDG_RUNTIME_DIR: lease.places.run }),
        },
        cwd: folder,
        detached: true,
      })
      let answer = ''
      const report = child.stdio[3] as Readable
      child.once('error', reject)
      report.on('data', (chunk: Buffer) => {
        answer += chunk
        const line = answer.split('\n')[0]
        if (!answer.includes('\n') || !line) return
        // The monitor holds its end as long as it lives, and has nothing more to say.
        report.destroy()
        const { pid, data, message } = JSON.parse(line) as { pid?: number; data?: number; message?: string }
        const number = pid ?? data ?? -1
        if (number > 0) resolve(number)
        else void explain(folder, message ?? 'the runtime refuses it').then((why) => reject(new Error(why)))
      })
      report.on('end', () => void explain(folder, 'the monitor ended').then((why) => reject(new Error(why))))
      child.unref()
    })
  } finally {
    await errors.close()
  }
}

/** How the monitor is told where what the container prints goes, at most 20 MiB of it; or nowhere. */
export function logWords({ logs }: Pick<StoredSpec, 'logs'>, logPath: string): string[] {
  return logs === false
    ? ['--log-path', 'none']
    : ['--log-path', `k8s-file:${logPath}`, '--log-size-max', String(LOG_BYTES)]
}

/** What the runtime said last, or `otherwise`. */
export async function explain(folder: string, otherwise: string): Promise<string> {
  for (const file of ['runtime.log', 'conmon.log']) {
    const said = (await readFile(join(folder, file), 'utf8').catch(() => '')).trim().split('\n').at(-1)
    const message = /msg="((?:[^"\\]|\\.)*)"/.exec(said ?? '')?.[1]?.replaceAll('\\"', '"') ?? said
    if (message) return message.replace(/^.*runc create failed: /, '').slice(0, 400)
  }
  return otherwise
}
