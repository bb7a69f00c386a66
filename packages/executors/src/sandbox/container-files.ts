import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CloisterError } from '@cloister/core'
import { AGENT_FOLDER, type ContainerSpec } from '../executor.ts'
import { WAY_OUT_RESOLV_CONF } from '../network/way-out.ts'
import { writeHostsBlock } from '../private-network/hosts-file.ts'
import type { Lease } from './lease.ts'
import type { StoredSpec } from './record.ts'
import { run } from './run.ts'
import { volumeFolder } from './volumes.ts'

/** How long one large file may take to copy. */
const COPY_MS = 600_000

/** Files and volumes that a container gets, and where they lie. */
export class ContainerFiles {
  private readonly lease: Lease
  private readonly name: string
  private readonly folder: string

  /** `folder`: the container's own. */
  constructor(lease: Lease, name: string, folder: string) {
    this.lease = lease
    this.name = name
    this.folder = folder
  }

  /** Where small ones lie, each named by its place among all: on our disk. */
  private get small(): string {
    return join(this.folder, 'files')
  }

  /** Where those lie that are large, or that it writes to: on the lease's. */
  get large(): string {
    return join(this.lease.disk.folder, 'files', this.name)
  }

  mountsOf(spec: StoredSpec): { from: string; to: string; readOnly: boolean }[] {
    const volumes = spec.mounts.map(({ volume, path, readOnly }) => ({
      from: join(volumeFolder(this.lease), volume),
      to: path,
      readOnly,
    }))
    const files = spec.files.map(({ path, isLarge, writable }, index) => ({
      from: join(isLarge ? this.large : this.small, String(index)),
      to: path,
      readOnly: writable !== true,
    }))
    const agent =
      spec.agentFolder === undefined ? [] : [{ from: spec.agentFolder, to: AGENT_FOLDER, readOnly: true }]
    return [...volumes, ...files, ...agent]
  }

  /** The files of a specification, and the names of the lease's services. */
  all(spec: ContainerSpec): ContainerSpec['files'] {
    const names = new Set([spec.hostname, ...spec.peers, ...Object.keys(spec.aliases ?? {})])
    const outside = Object.entries(spec.hosts ?? {}).map(([name, address]) => `${address} ${name}`)
    const hosts = [
      '127.0.0.1 localhost',
      '::1 localhost',
      ...[...names].map((name) => `127.0.0.1 ${name}`),
      ...outside,
    ]
    const resolver = spec.internet === false ? '' : WAY_OUT_RESOLV_CONF
    return [
      { path: '/etc/hosts', content: Buffer.from(`${hosts.join('\n')}\n`), mode: 0o644 },
      { path: '/etc/resolv.conf', content: Buffer.from(resolver), mode: 0o644 },
      ...spec.files,
    ]
  }

  /** Puts lines into its /etc/hosts, in place of those that were put there before. */
  async setHosts(lines: readonly string[]): Promise<void> {
    // The first of its files, as `all` has them.
    await writeHostsBlock(join(this.small, '0'), lines).catch((error: NodeJS.ErrnoException) => {
      // It is being made, or removed.
      if (error.code !== 'ENOENT') throw error
    })
  }

  async write(spec: ContainerSpec): Promise<void> {
    await mkdir(this.small, { mode: 0o700 })
    for (const [index, { content, mode, uid = 0, gid = 0, writable }] of this.all(spec).entries()) {
      const isLarge = writable || !Buffer.isBuffer(content)
      const path = join(isLarge ? this.large : this.small, String(index))
      if (isLarge) await mkdir(this.large, { recursive: true, mode: 0o700 })
      if (Buffer.isBuffer(content)) await writeFile(path, content, { flag: 'wx', mode: 0o600 })
      else await this.copyLarge(content.file, path)
      await chmod(path, mode)
      await this.lease.give(path, uid, gid)
    }
  }

  /** Onto the lease's disk, which pays for it. */
  private async copyLarge(file: string, path: string): Promise<void> {
    const command = this.lease.inGroup(['cp', '--no-preserve=all', '--', file, path])
    await run(command, { timeoutMs: COPY_MS }).catch((cause) => {
      const isFull = /No space left|quota exceeded/i.test(String(cause))
      const why = isFull ? "the lease's disk is full" : 'what was sent for it is not here any more'
      throw new CloisterError('start-failed', `A file of ${this.name} can't be put there: ${why}.`, { cause })
    })
  }
}
