import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type Build, CloisterError } from '@cloister/core'
import { pathIn } from '@cloister/images'
import { type Permissions, type Place, placeOf, type Taking } from '../permissions.ts'
import { partsOfLayout } from './image-takings.ts'

/** Git's settings with a login in them: an address with a user, or what is sent along with each request. */
const LOGIN = /:\/\/[^/\s]*@|^\s*extraheader\s*=/im
/** Networks of a build that lead to nothing of this machine. */
const OWN_NETWORKS = ['', 'default', 'none', 'bridge']

/** What builders look for where no name is said. */
const DOCKERFILES = ['Dockerfile', 'Containerfile']

/**
 * What a build takes of this machine that isn't its project's: what an image is built of leaves the machine
 * with it, and its steps may send what they are given anywhere. Throws `bad-option` for a secret whose place
 * would be read as more than one option.
 */
export function takingsOf(
  build: Build,
  folder: string,
  permissions: Permissions,
  env: Readonly<Record<string, string | undefined>> = process.env,
): Taking[] {
  const { secrets, ssh, network = '', entitlements } = build
  const odd = secrets.map(({ file, variable }) => file ?? variable ?? '').find((one) => /[,"\n]/.test(one))
  if (odd !== undefined)
    throw new CloisterError('bad-option', `A build takes no secret from ${JSON.stringify(odd)}.`, {
      hint: 'Name a file or variable without commas and quotes.',
    })
  const place = placeOf(folder)
  const paths = secrets.flatMap(({ file }) => (file === undefined ? [] : [pathIn(folder, file)]))
  const contexts = [build.context, ...Object.values(build.additionalContexts)]
  for (const context of contexts) paths.push(...pathsOfContext(folder, context))
  const main = pathIn(folder, build.context)
  // A context that is fetched has its Dockerfile in it.
  if (build.dockerfileInline === undefined && existsSync(main))
    for (const name of build.dockerfile === undefined ? DOCKERFILES : [build.dockerfile])
      paths.push(pathIn(main, name))
  const variables = secrets.flatMap(({ variable = '' }) => (env[variable] === undefined ? [] : [variable]))
  return [
    ...paths.map((path) => permissions.ofPath(place, path)),
    ...contexts.map((context) => loginOf(pathIn(folder, context), context, place, permissions)),
    ...variables.map((name) => takingOf(`env=${name}`, `gives a build the variable ${name}`)),
    ...ssh.map((one) => takingOf(`ssh=${one}`, `lets a build log in with your SSH keys (${one})`)),
    OWN_NETWORKS.includes(network)
      ? undefined
      : takingOf('network.host', `builds on a network of this machine (${network})`),
    ...entitlements.map((one) => takingOf(one, `gives a build more rights than builds have (${one})`)),
  ].filter((one) => one !== undefined)
}

function takingOf(permission: string, what: string): Taking {
  return { permission, what }
}

/** Where a context lies on this machine: nowhere for an address, or an image of a registry. */
function pathsOfContext(folder: string, context: string): string[] {
  const [, layout] = /^oci-layout:(?:\/\/)?(.*?)(?:@sha256:[0-9a-f]{64}|:[\w.-]+)?$/s.exec(context) ?? []
  if (layout === undefined) return [pathIn(folder, context)]
  // The builder is run in the folder that the command is, and reads the path from there.
  return [resolve(folder, layout), resolve(layout)].flatMap((path) => [path, ...partsOfLayout(path)])
}

/** The `.git` that comes along with a context, where its settings have a login. */
function loginOf(context: string, named: string, place: Place, permissions: Permissions): Taking | undefined {
  if (!hasLogin(context)) return undefined
  const taking = permissions.ofPath(place, join(context, '.git'), `${named}/.git`)
  return (
    taking && { ...taking, what: `${taking.what}: name .git in .dockerignore, or a login in it comes along` }
  )
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
