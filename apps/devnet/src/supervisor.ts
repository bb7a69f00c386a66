import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { CloisterError } from '@cloister/core'
import type { Documents } from '@cloister/development/root'
import { packedProgram } from '@cloister/packed'
import { Daemon, type DaemonSettings, NODE } from './daemon.ts'
import { type EndorsementsServer, serveEndorsements } from './endorsements.ts'
import { lockFolder } from './lock.ts'
import { claim } from './ports.ts'

const CHORES = packedProgram(join(import.meta.dirname, 'chores.ts'))
const CHORE_MS = 120_000
const WORKER_COUNT = 3
/** Others are spoken to until the end: workers settle, and end their coverage on the chain. */
const STOPPED_AFTER_WORKERS = ['gateway', 'indexer', 'hub', 'chain', 'layer1']

/** What whoever sets a network up may ask of its supervisor. */
export interface Supervision {
  /** Starts a daemon and waits until it answers. Throws `daemon-failed`. */
  launch(daemon: DaemonSettings): Promise<void>
  /** Serves endorsements from now on, signed anew when they are due. Throws `port-taken`. */
  serveEndorsements(port: number, documents: Documents): Promise<void>
  /** Serves a label of a platform's, beside the endorsements. */
  label(platform: string, token: string): Promise<void>
  /** Listens on a port until the end, to hold it. False where somebody else does. */
  claim(port: number): Promise<boolean>
}

/**
 * Keeps the daemons of one network running, and stops them in order. It does little else, so that it stays
 * small.
 */
export class Supervisor implements Supervision {
  /** By name: chain, layer1 where there is one, indexer, gateway, hub, oak, elm, ash. */
  readonly daemons = new Map<string, Daemon>()
  private readonly folder: string
  private readonly onRestart: (daemon: string) => void
  private readonly unlock: () => void
  private endorsements: EndorsementsServer | undefined
  private stopping = false

  /** Throws `already-running`. `onRestart` is told when a daemon ended by itself and is started again. */
  constructor(folder: string, onRestart: (daemon: string) => void = () => {}) {
    this.folder = folder
    this.onRestart = onRestart
    this.unlock = lockFolder(folder)
  }

  async launch(settings: DaemonSettings): Promise<void> {
    if (this.stopping) throw new CloisterError('daemon-failed', 'The network is being stopped.')
    const daemon = new Daemon(settings, this.onRestart)
    this.daemons.set(settings.name, daemon)
    await daemon.start()
  }

  async serveEndorsements(port: number, documents: Documents): Promise<void> {
    this.endorsements = await serveEndorsements(
      port,
      documents,
      async () => JSON.parse(await this.chore('sign')) as Documents,
    )
  }

  async label(platform: string, token: string): Promise<void> {
    this.endorsements?.label(platform, token)
  }

  claim(port: number): Promise<boolean> {
    return claim(port)
  }

  async stop(): Promise<void> {
    this.stopping = true
    const workers = [...this.daemons].filter(([name]) => !STOPPED_AFTER_WORKERS.includes(name))
    const ended = await Promise.all(workers.map(([, daemon]) => daemon.stop()))
    // A worker that crashed could not end its containers, nor could those of a start before that was killed.
    // What can't be ended must not keep the others from stopping; the next start takes it over.
    if (ended.filter(Boolean).length < WORKER_COUNT) await this.chore('halt').catch(() => {})
    await Promise.all(['gateway', 'indexer', 'hub'].map((name) => this.daemons.get(name)?.stop()))
    await Promise.all(['chain', 'layer1'].map((name) => this.daemons.get(name)?.stop()))
    await this.endorsements?.close()
    this.unlock()
  }

  private async chore(name: 'sign' | 'halt'): Promise<string> {
    const [program = '', ...words] = [...NODE, CHORES, name, this.folder]
    const { stdout } = await promisify(execFile)(program, words, {
      timeout: CHORE_MS,
      maxBuffer: 4 * 1024 * 1024,
    })
    return stdout
  }
}
