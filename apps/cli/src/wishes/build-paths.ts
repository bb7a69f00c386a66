import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Build, CloisterError } from '@cloister/core'
import { pathIn } from '@cloister/images'
import { isInGit, isInside, placeOf } from '../beside.ts'

/** Git's settings with a login in them: an address with a user, or what is sent along with each request. */
const LOGIN = /:\/\/[^/\s]*@|^\s*extraheader\s*=/im

/**
 * Throws `outside` where a build takes a folder that lies neither in the project's folder nor in the
 * repository that this is in, links followed, or in its `.git`. What an image is built of leaves this machine
 * with it, and whoever wrote the Compose file may be somebody else than the person who deploys it.
 */
export function requireContextsInside(build: Build, folder: string): void {
  const { root } = placeOf(folder)
  for (const context of [build.context, ...Object.values(build.additionalContexts)]) {
    const path = pathIn(folder, context)
    if (existsSync(path) && !isInside(root, path))
      throw new CloisterError(
        'outside',
        `The build takes ${context}, which lies outside of the folder and of its repository.`,
        { hint: 'Copy it there, or build the image yourself and name that under "image".' },
      )
    if (existsSync(path) && isInGit(root, path))
      throw new CloisterError('outside', `The build takes ${context}, where logins are kept.`, {
        hint: 'Copy what it needs of that beside the file.',
      })
  }
}

/**
 * What else of this machine a build is given, for people: it may go anywhere from there. Throws `bad-option`
 * for a secret whose place would be read as more than one option.
 */
export function foreignSecrets(
  build: Build,
  folder: string,
  env: Readonly<Record<string, string | undefined>> = process.env,
): string[] {
  const { secrets, ssh, network, entitlements, context, additionalContexts } = build
  const places = secrets.map(({ file, variable }) => file ?? variable ?? '')
  const odd = places.find((place) => /[,"\n]/.test(place))
  if (odd !== undefined)
    throw new CloisterError('bad-option', `A build takes no secret from ${JSON.stringify(odd)}.`, {
      hint: 'Name a file or variable without commas and quotes.',
    })
  const { root } = placeOf(folder)
  const files = secrets.flatMap(({ file }) => (file === undefined ? [] : [pathIn(folder, file)]))
  const variables = secrets.flatMap(({ variable = '' }) => (env[variable] === undefined ? [] : [variable]))
  return [
    ...files
      .filter((path) => existsSync(path) && !isInside(root, path))
      .map((path) => `reads ${path}, which lies outside of the project`),
    ...variables.map((name) => `reads the variable ${name} of your environment`),
    ...[context, ...Object.values(additionalContexts)]
      .filter((one) => hasLogin(pathIn(folder, one)))
      .map((one) => `takes ${one}/.git along, with a login in its config: name .git in .dockerignore`),
    ...ssh.map((one) => `may log in with your SSH keys (${one})`),
    ...(network === 'host' ? ['reaches all that listens on this machine (network: host)'] : []),
    ...entitlements.map((one) => `has more rights than builds have (${one})`),
  ]
}

/** Whether a context has git's settings with a login, which its `.dockerignore` doesn't leave out. */
function hasLogin(context: string): boolean {
  const ignored = read(join(context, '.dockerignore')).split(/\r?\n/)
  if (ignored.some((line) => /^(?:\*\*\/|\/)?\.git\/?$/.test(line.trim()))) return false
  return LOGIN.test(read(join(context, '.git', 'config')))
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
