import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'

/** Folder trees that images are imported from, made of what this machine has: no registry is needed. */
export interface Tree {
  folder: string
  /** Adds programs, each with the libraries it is linked to, under `/usr/bin`, or where they are. */
  add(path: string, at?: string): void
}

export function growTree(folder: string): Tree {
  rmSync(folder, { recursive: true, force: true })
  for (const name of ['usr/bin', 'usr/lib', 'etc', 'tmp', 'run', 'var/lib', 'proc', 'sys', 'dev'])
    mkdirSync(join(folder, name), { recursive: true })
  chmodSync(join(folder, 'tmp'), 0o1777)
  for (const name of ['bin', 'sbin']) symlinkSync('usr/bin', join(folder, name))
  for (const name of ['lib', 'lib64']) symlinkSync('usr/lib', join(folder, name))
  symlinkSync('bin', join(folder, 'usr/sbin'))
  symlinkSync('../run', join(folder, 'var/run'))
  writeFileSync(join(folder, 'etc/passwd'), 'root:x:0:0::/root:/bin/sh\npostgres:x:70:70::/:/bin/sh\n')
  writeFileSync(join(folder, 'etc/group'), 'root:x:0:\npostgres:x:70:\n')
  const put = (from: string, to: string) => {
    const target = join(
      folder,
      to
        .replace(
          /^\/(lib|lib64|bin|sbin)\//,
          (_, name) => `/usr/${name.replace('64', '').replace('sbin', 'bin')}/`,
        )
        .replace('/usr/sbin/', '/usr/bin/'),
    )
    if (existsSync(target)) return
    mkdirSync(dirname(target), { recursive: true })
    cpSync(realpathSync(from), target, { recursive: true, dereference: true })
  }
  const add = (path: string, at?: string) => {
    put(path, at ?? path)
    const { stdout } = spawnSync('ldd', [path], { encoding: 'utf8' })
    for (const [, library] of stdout.matchAll(/(?:=> |^\s*)(\/\S+) \(0x/gm))
      if (library) put(library, library)
  }
  return { folder, add }
}

/** Imports a tree as an image. */
export async function importTree(
  docker: (words: string[]) => Promise<string>,
  { folder }: Tree,
  name: string,
): Promise<void> {
  const archive = `${folder}.tar`
  execFileSync('tar', ['-C', folder, '-cf', archive, '.'])
  await docker(['import', archive, name])
  rmSync(archive)
  rmSync(folder, { recursive: true, force: true })
}
