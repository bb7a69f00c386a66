import { mkdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { type Duplex, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { create, extract } from 'tar'
import type { ContainerSpec } from '../executor.ts'
import { readData, writeData } from './frames.ts'

/** Stands in a spec for a file or folder that comes after it. */
interface Attached {
  attached: number
}

/** A spec whose files and archives are named by number, and where those are on this machine. */
export function detach(spec: ContainerSpec): { spec: unknown; paths: string[] } {
  const paths: string[] = []
  const attach = (path: string): Attached => ({ attached: paths.push(path) - 1 })
  const files = spec.files.map((file) =>
    Buffer.isBuffer(file.content) ? file : { ...file, content: { file: attach(file.content.file) } },
  )
  const mounts = spec.mounts.map(({ from, ...mount }) => {
    if (from === undefined) return mount
    return { ...mount, from: typeof from === 'string' ? attach(from) : { staged: attach(from.staged) } }
  })
  return { spec: { ...spec, files, mounts }, paths }
}

/** The spec as it was, with what was attached to it at `paths`. */
export function reattach(spec: ContainerSpec, paths: readonly string[]): ContainerSpec {
  const pathOf = (value: unknown) => {
    const path = paths[(value as Attached).attached]
    if (path === undefined) throw new Error('what comes with the container is not all there')
    return path
  }
  const files = spec.files.map((file) =>
    Buffer.isBuffer(file.content) ? file : { ...file, content: { file: pathOf(file.content.file) } },
  )
  const mounts = spec.mounts.map((mount) => {
    const { from } = mount
    if (from === undefined) return mount
    const isStaged = (from as Partial<Attached>).attached === undefined
    return {
      ...mount,
      from: isStaged ? { staged: pathOf((from as { staged: unknown }).staged) } : pathOf(from),
    }
  })
  return { ...spec, files, mounts }
}

/** Sends files and folders, each as a tar archive. */
export async function sendAll(paths: readonly string[], to: Duplex): Promise<void> {
  for (const path of paths) {
    const packed = create({ cwd: dirname(path), portable: true, noPax: false }, [basename(path)])
    await writeData(to, Readable.from(packed as AsyncIterable<Buffer>))
  }
}

/** Receives what the other side sends, into folders of their own; returns where each lies. */
export async function receiveAll(count: number, from: Duplex, folder: string): Promise<string[]> {
  const paths: string[] = []
  for (let index = 0; index < count; index++) {
    const own = join(folder, String(index))
    await mkdir(own, { recursive: true, mode: 0o700 })
    let name: string | undefined
    const unpack = extract({
      cwd: own,
      strict: true,
      // Its owners stand in what was staged, not in the files themselves.
      preserveOwner: false,
      onentry: (entry) => (name ??= entry.path.split('/')[0]),
    })
    await pipeline(Readable.from(readData(from)), unpack)
    if (name === undefined || name === '..' || name === '') throw new Error('an archive holds nothing')
    paths.push(join(own, name))
  }
  return paths
}
