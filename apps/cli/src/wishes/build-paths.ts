import { existsSync, realpathSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { type Build, CloisterError } from '@cloister/core'
import { pathIn } from '@cloister/images'
import { isInside } from '../beside.ts'

/**
 * Throws `outside` where a build takes a folder that lies neither in the project's folder nor in the
 * repository that this is in, links followed. What an image is built of leaves this machine with it, and
 * whoever wrote the Compose file may be somebody else than the person who deploys it.
 */
export function requireContextsInside(build: Build, folder: string, home = homedir()): void {
  for (const context of [build.context, ...Object.values(build.additionalContexts)]) {
    const path = pathIn(folder, context)
    if (!existsSync(path) || isInside(folder, path)) continue
    const top = repositoryOf(folder, home)
    if (top === undefined || !isInside(top, path))
      throw new CloisterError(
        'outside',
        `The build takes ${context}, which lies outside of the folder and of its repository.`,
        { hint: 'Copy it there, or build the image yourself and name that under "image".' },
      )
  }
}

/** What else of this machine a build is given, for people: it may go anywhere from there. */
export function foreignSecrets(build: Build, folder: string): string[] {
  const files = build.secrets.flatMap(({ file }) => (file === undefined ? [] : [pathIn(folder, file)]))
  return [
    ...files
      .filter((path) => existsSync(path) && !isInside(folder, path))
      .map((path) => `reads ${path}, which lies outside of the folder`),
    ...build.ssh.map((one) => `may log in with your SSH keys (${one})`),
  ]
}

/**
 * The top of the repository that a folder is in. One that holds a person's whole home says nothing of what
 * belongs together.
 */
function repositoryOf(folder: string, home: string): string | undefined {
  for (let at = realpathSync(folder); ; at = dirname(at)) {
    if (existsSync(home) && isInside(at, home)) return undefined
    if (existsSync(join(at, '.git'))) return at
    if (at === dirname(at)) return undefined
  }
}
