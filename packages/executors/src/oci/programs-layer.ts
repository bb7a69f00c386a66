import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import {
  copyFile,
  cp,
  link,
  mkdir,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { packedFolder } from '@cloister/packed'
import { create } from 'tar'

/** A layer that lies in a layout folder. */
export interface Layer {
  digest: string
  size: number
}

const FOLDERS = ['tmp', 'proc', 'dev', 'sys', 'etc', 'bin', 'run', 'usr/bin']
/** So many layers are kept, the ones used last: Node alone is 120 MB. */
const KEPT = 6
const LAYER = /^[0-9a-f]{32}-[0-9a-f]{64}$/
/** A list of libraries, under the stamps of the programs that need them. */
const LIBRARIES = /^[0-9a-f]{32}\.libraries$/

/**
 * The layer that has programs of this machine, with the libraries they are linked to, and what any program
 * looks for. One that was packed before of the same files gets another name in the layout folder, where the
 * file system allows that, instead of being packed again. `programs` are paths on this machine by path in
 * the image.
 */
export async function programsLayer(
  layout: string,
  programs: Record<string, string>,
  cache: string = join(packedFolder(), 'layers'),
): Promise<Layer> {
  const libraries = await librariesOf(Object.values(programs), cache)
  const key = digestOf([FOLDERS, programs, await stampsOf([...Object.values(programs), ...libraries])])
  const fresh = join(layout, `.programs-${process.pid}`)
  // What is written there must not be another name of a layer that is kept.
  await rm(fresh, { force: true })
  let layer = await takeKept(cache, key, fresh)
  if (!layer) {
    layer = await packPrograms(fresh, programs, libraries)
    // Where nothing can be kept, it is packed each time.
    await keep(cache, key, fresh, layer).catch(() => {})
  }
  await rename(fresh, await blobPath(layout, layer.digest))
  // Renaming one name of a file to another of the same file does nothing (POSIX, rename).
  await rm(fresh, { force: true })
  return layer
}

/** Packs a folder into a layer, whose times are all the same. */
export async function packLayer(file: string, folder: string): Promise<Layer> {
  await create({ file, cwd: folder, portable: true, mtime: new Date(0) }, ['.'])
  const digest = createHash('sha256')
  for await (const chunk of createReadStream(file, { highWaterMark: 1024 * 1024 })) digest.update(chunk)
  return { digest: `sha256:${digest.digest('hex')}`, size: (await stat(file)).size }
}

/** Where a blob of a layout folder lies. */
export async function blobPath(layout: string, digest: string): Promise<string> {
  const path = join(layout, 'blobs', ...digest.split(':'))
  await mkdir(dirname(path), { recursive: true })
  return path
}

async function packPrograms(
  file: string,
  programs: Record<string, string>,
  libraries: string[],
): Promise<Layer> {
  const root = `${file}.root`
  await rm(root, { recursive: true, force: true })
  for (const folder of FOLDERS) await mkdir(join(root, folder), { recursive: true })
  await writeFile(join(root, 'etc/passwd'), 'root:x:0:0:root:/:/bin/sh\napp:x:1000:1000:app:/:/bin/sh\n')
  await writeFile(join(root, 'etc/group'), 'root:x:0:\napp:x:1000:\n')
  await symlink('tmp', join(root, 'var'))
  for (const [target, from] of Object.entries(programs)) await bring(root, target, from)
  for (const library of libraries) await bring(root, library, library)
  const layer = await packLayer(file, root)
  await rm(root, { recursive: true, force: true })
  return layer
}

/**
 * Another name of the file where the file system and the user may have one, since it is only read; a copy
 * elsewhere.
 */
async function bring(root: string, target: string, from: string): Promise<void> {
  const path = join(root, target)
  if (existsSync(path)) return
  await mkdir(dirname(path), { recursive: true })
  const real = await realpath(from)
  await link(real, path).catch(() => cp(real, path))
}

async function takeKept(cache: string, key: string, target: string): Promise<Layer | undefined> {
  const names = await readdir(cache).catch(() => [])
  const hex = names.map((name) => new RegExp(`^${key}-([0-9a-f]{64})$`).exec(name)?.[1]).find(Boolean)
  if (hex === undefined) return undefined
  const kept = join(cache, `${key}-${hex}`)
  await mkdir(dirname(target), { recursive: true })
  try {
    await link(kept, target).catch(() => copyFile(kept, target))
    return { digest: `sha256:${hex}`, size: (await stat(target)).size }
  } catch {
    // Somebody clears the cache at this moment.
    return undefined
  }
}

async function keep(cache: string, key: string, file: string, { digest }: Layer): Promise<void> {
  await mkdir(cache, { recursive: true })
  const kept = join(cache, `${key}-${digest.slice(7)}`)
  const work = `${kept}.${process.pid}`
  await link(file, work).catch(() => copyFile(file, work))
  await rename(work, kept)
  await forget(cache, LAYER)
}

/** Removes files of one kind, but the ones written last. */
async function forget(cache: string, kind: RegExp): Promise<void> {
  const names = (await readdir(cache)).filter((name) => kind.test(name))
  const all = await Promise.all(
    names.map(async (name) => ({ name, at: (await stat(join(cache, name))).mtimeMs })),
  )
  for (const { name } of all.sort((one, other) => other.at - one.at).slice(KEPT))
    await rm(join(cache, name), { force: true })
}

function digestOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 32)
}

/** Tells files apart by place, size, rights and time. Throws where one is gone. */
function stampsOf(paths: string[]) {
  return Promise.all(
    paths.map(async (path) => {
      const real = await realpath(path)
      const { size, mtimeMs, mode } = await stat(real)
      return [path, real, size, mtimeMs, mode]
    }),
  )
}

/**
 * Shared libraries that programs need, by the dynamic linker's own account. It takes half a second for
 * forty programs, so its answer is kept for as long as neither they nor the libraries change.
 */
async function librariesOf(programs: string[], cache: string): Promise<string[]> {
  if (programs.length === 0) return []
  const file = join(cache, `${digestOf(await stampsOf(programs))}.libraries`)
  const kept = await readKept(file)
  if (kept) return kept
  const libraries = await askLinker(programs)
  // Where nothing can be kept, the linker is asked each time.
  if (libraries.length > 0) await keepLibraries(cache, file, libraries).catch(() => {})
  return libraries
}

async function keepLibraries(cache: string, file: string, libraries: string[]): Promise<void> {
  await mkdir(cache, { recursive: true })
  const work = `${file}.${process.pid}`
  await writeFile(work, JSON.stringify(await stampsOf(libraries)))
  await rename(work, file)
  await forget(cache, LIBRARIES)
}

/** A list of libraries that was kept. Undefined where there is none, or one of them has changed. */
async function readKept(file: string): Promise<string[] | undefined> {
  try {
    const text = await readFile(file, 'utf8')
    const libraries = (JSON.parse(text) as string[][]).map(([path]) => path ?? '')
    return JSON.stringify(await stampsOf(libraries)) === text ? libraries : undefined
  } catch {
    return undefined
  }
}

/** Static programs have no libraries, which `ldd` counts as a failure. */
function askLinker(programs: string[]): Promise<string[]> {
  return new Promise((done) => {
    execFile('ldd', programs, (_, stdout) => {
      const found = [...stdout.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map((match) => match[1] ?? '')
      done([...new Set(found)].sort())
    })
  })
}
