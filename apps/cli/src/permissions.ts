import { existsSync, realpathSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, isAbsolute, join, relative, resolve } from 'node:path'
import { CloisterError } from '@cloister/core'

/**
 * What a file takes of this machine that isn't its project's. Whoever wrote the file may be somebody else
 * than the person who deploys it, and what is taken goes to a provider.
 */
export interface Taking {
  /** What `--allow` calls it. */
  permission: string
  /** For people, after "The file". */
  what: string
}

/** What `--allow` takes, as `docker buildx bake --allow` does where that has it. */
const KINDS = 'fs.read=PATH, image=NAME, env=NAME, ssh, network.host, security.insecure'
const KNOWN = /^(?:(?:fs\.read|image|env)=.+|ssh(?:=.+)?|network\.host|security\.insecure|device(?:=.+)?)$/s

/** A file's folder, and how far up it may name files. */
export interface Place {
  folder: string
  /** `folder` itself or one above it, without links. */
  root: string
}

/**
 * A file's place. Its project is the git repository that it lies in, as `docker/compose.yaml` mounts
 * `../src`; without one it is the file's own folder. A home as a whole is nobody's project.
 */
export function placeOf(folder: string): Place {
  const own = realpathSync(folder)
  const home = realpathSync(homedir())
  for (let root = own; root !== dirname(root); root = dirname(root)) {
    if (home === root || home.startsWith(`${root}/`)) break
    if (existsSync(join(root, '.git'))) return { folder, root }
  }
  return { folder, root: own }
}

/** Asks whether all of it is allowed. */
export type AskForTakings = (takings: readonly Taking[]) => Promise<boolean>

/**
 * The one rule of what a file may take of this machine: what lies in its project, links followed, but for
 * what lies in a `.git`, where logins are kept; and else what the person allowed, by `--allow` or when asked.
 */
export class Permissions {
  private readonly allowed: Set<string>
  /** Allowed folders and files, without links. */
  private readonly roots: string[] = []
  private readonly ask: AskForTakings | undefined
  /** What `requirePath` has refused since a `reading` began. */
  private refused = new Map<string, Taking>()

  /** Without `ask` nobody is asked. Throws `bad-option` for what can't be allowed. */
  constructor(allow: readonly string[] = [], ask?: AskForTakings) {
    const unknown = allow.find((one) => !KNOWN.test(one))
    if (unknown !== undefined)
      throw new CloisterError('bad-option', `--allow takes no ${JSON.stringify(unknown.slice(0, 80))}.`, {
        hint: `It takes ${KINDS}.`,
      })
    this.allowed = new Set()
    this.ask = ask
    for (const one of allow) this.add(one)
  }

  /** What is at a path, if that is not a file's to take. What isn't there is. */
  ofPath({ root }: Place, path: string, named = path): Taking | undefined {
    if (!existsSync(path)) return undefined
    const real = realpathSync(path)
    const places = [root, ...this.roots].flatMap((one) => {
      const inside = relative(one, real)
      return inside === '..' || inside.startsWith('../') || isAbsolute(inside) ? [] : [inside]
    })
    if (places.some((inside) => !isInGit(inside))) return undefined
    const why = places.length > 0 ? 'lies in .git, where logins are kept' : 'lies outside its project'
    return { permission: `fs.read=${real}`, what: `names ${named}, which ${why}` }
  }

  /** Throws `outside` where a file must not be read. */
  requirePath(place: Place, path: string, named = path, instead = 'Move or copy it beside the file'): void {
    const taking = this.ofPath(place, path, named)
    if (!taking) return
    this.refused.set(taking.permission, taking)
    throw refusal([taking], instead)
  }

  /** Throws `outside` unless all of it is allowed, or is once somebody is asked. */
  async require(takings: readonly (Taking | undefined)[]): Promise<void> {
    const wanted = new Map<string, Taking>()
    for (const one of takings) if (one && !this.has(one.permission)) wanted.set(one.permission, one)
    if (wanted.size === 0) return
    const all = [...wanted.values()].filter(
      ({ permission }) => ![...wanted.keys()].some((of) => holds(of, permission)),
    )
    if (!(await this.ask?.(all))) throw refusal(all)
    for (const { permission } of all) this.add(permission)
  }

  /** Reads a file, once more after each time that somebody was asked about what `requirePath` refused. */
  async reading<T>(read: () => T): Promise<T> {
    for (;;) {
      this.refused = new Map()
      try {
        return read()
      } catch (error) {
        if (this.refused.size === 0 || !this.ask) throw error
        await this.require([...this.refused.values()])
      }
    }
  }

  private has(permission: string): boolean {
    return this.allowed.has(permission) || this.allowed.has(permission.replace(/=.*$/s, ''))
  }

  private add(permission: string): void {
    this.allowed.add(permission)
    if (!permission.startsWith('fs.read=')) return
    const path = resolve(permission.slice('fs.read='.length).replace(/^~(?=\/|$)/, homedir()))
    if (existsSync(path)) this.roots.push(realpathSync(path))
  }
}

/** Whether a path has a `.git` in it; some file systems know that by other names. */
function isInGit(path: string): boolean {
  return path.split('/').some((part) => part.toLowerCase() === '.git')
}

/** Whether one permission to read has another one in it. */
function holds(outer: string, inner: string): boolean {
  const isBelow = outer.startsWith('fs.read=') && inner.startsWith(`${outer}/`)
  return isBelow && !isInGit(inner.slice(outer.length))
}

function refusal(takings: readonly Taking[], instead?: string): CloisterError {
  const flags = takings.map(({ permission }) => `--allow ${quoted(permission)}`).join(' ')
  return new CloisterError('outside', `The file ${takings.map(({ what }) => what).join('; it ')}.`, {
    hint: `${instead === undefined ? 'If you mean that, add' : `${instead}; or, if you mean that, add`} ${flags}.`,
    details: { permissions: takings.map(({ permission }) => permission) },
  })
}

/** As a shell takes it. */
function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
