import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { cp, lstat, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { CloisterError } from '@cloister/core'
import { downloadPackages, unpackPackage } from './debian.ts'

const run = promisify(execFile)
const PACKAGE = 'llama.cpp-tools'
const PROGRAM = 'usr/bin/llama-server'
/** Of which shape the kept folder is: another one is made anew. */
const EDITION = 1

/** llama-server with what it needs to run, and nothing else, as a folder that a container begins with. */
export interface EngineRoot {
  folder: string
  /** Versions by package, which the folder was made of. */
  packages: Record<string, string>
}

/**
 * llama-server of Debian sid as a folder tree in `cache`, unless it is there: then nobody is asked anything.
 * Remove the folder for a newer one. Throws `image-unavailable` (see `downloadPackages`), and `build-failed`
 * where the packages don't have what is expected.
 */
export async function engineRoot(cache: string, signal?: AbortSignal): Promise<EngineRoot> {
  const folder = join(cache, `llama-server-${EDITION}-${process.arch}`)
  const list = join(folder, 'packages.json')
  if (existsSync(list))
    return { folder: join(folder, 'root'), packages: JSON.parse(await readFile(list, 'utf8')) }
  const work = join(cache, `.llama-server-${process.pid}`)
  await rm(work, { recursive: true, force: true })
  try {
    const found = await downloadPackages(PACKAGE, join(work, 'apt'), signal && { signal })
    const all = join(work, 'all')
    await mkdir(all, { recursive: true })
    for (const one of found) await unpackPackage(one, all)
    await takeNeeded(all, join(work, 'made/root'))
    const packages = Object.fromEntries(found.map(({ name, version }) => [name, version]))
    await writeFile(join(work, 'made/packages.json'), JSON.stringify(packages, undefined, 2))
    // Somebody else may have made it meanwhile, of the same packages.
    await rm(folder, { recursive: true, force: true })
    await rename(join(work, 'made'), folder)
    return { folder: join(folder, 'root'), packages }
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

/**
 * Copies the program, the backends that it chooses from by the CPU, every library that the packages' own
 * loader finds for them, and the licences.
 */
async function takeNeeded(all: string, root: string): Promise<void> {
  const libraries = await libraryFolder(all)
  const backends = (await readdir(join(all, libraries, 'ggml'), { recursive: true }))
    .filter((name) => name.endsWith('.so'))
    .map((name) => join(libraries, 'ggml', name))
  const loader = await loaderOf(all)
  const paths = [libraries, join(libraries, 'llama')].map((folder) => join(all, folder))
  const found = new Set<string>()
  for (const program of [PROGRAM, ...backends.slice(0, 1)]) {
    const { stdout } = await run(join(all, loader), [
      '--library-path',
      paths.join(':'),
      '--list',
      join(all, program),
    ])
    for (const [, path = ''] of stdout.matchAll(/=> (\/\S+) \(0x/g)) {
      if (path.startsWith(`${all}/`)) found.add(path.slice(all.length + 1))
    }
  }
  if (found.size < 5) throw new CloisterError('build-failed', 'Libraries of llama-server were not found.')
  const licences = (await readdir(join(all, 'usr/share/doc'), { recursive: true }))
    .filter((name) => name.endsWith('/copyright'))
    .map((name) => join('usr/share/doc', name))
  for (const path of [PROGRAM, ...backends, ...found]) await bring(path, path)
  // Programs name it by a path without usr.
  await bring(loader, loader.replace(/^usr\//, ''))
  for (const path of licences) if ((await lstat(join(all, path))).isFile()) await bring(path, path)

  async function bring(from: string, to: string): Promise<void> {
    await mkdir(dirname(join(root, to)), { recursive: true })
    await cp(join(all, from), join(root, to), { dereference: true })
  }
}

/** Such as `usr/lib/x86_64-linux-gnu`. */
async function libraryFolder(all: string): Promise<string> {
  const names = await readdir(join(all, 'usr/lib'))
  const name = names.find((one) => existsSync(join(all, 'usr/lib', one, 'libc.so.6')))
  if (name === undefined) throw new CloisterError('build-failed', 'Debian’s packages have no libc.so.6.')
  return join('usr/lib', name)
}

/** The dynamic loader, by the path that programs know it by, but for `usr`. */
async function loaderOf(all: string): Promise<string> {
  for (const folder of ['usr/lib64', 'usr/lib']) {
    const names = await readdir(join(all, folder)).catch(() => [])
    const name = names.find((one) => /^ld-linux.*\.so\.\d+$/.test(one))
    if (name !== undefined) return join(folder, name)
  }
  throw new CloisterError('build-failed', 'Debian’s packages have no dynamic loader.')
}
