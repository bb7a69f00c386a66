import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export const ROOT = join(import.meta.dirname, '../..')
const GROUPS = ['packages', 'services', 'apps']

/** A package.json, as far as publishing looks at it. */
export interface Description {
  name: string
  version: string
  description?: string
  type: string
  sideEffects?: boolean
  exports: Record<string, string>
  /** Modules of its own that differ by where it runs. */
  imports?: Record<string, Record<string, string>>
  dependencies?: Record<string, string>
  /** The doors that are published; all of them where it isn't said. */
  published?: string[]
}

/** A package of this workspace: its folder below the project's, and what it says of itself. */
export interface Member {
  folder: string
  description: Description
}

/** Every package of the workspace, by name. */
export function readWorkspace(): Map<string, Member> {
  const members = GROUPS.flatMap((group) =>
    foldersOf(group).map((name): Member => {
      const folder = join(group, name)
      return { folder, description: JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8')) }
    }),
  )
  return new Map(members.map((member) => [member.description.name, member]))
}

function foldersOf(group: string): string[] {
  try {
    return readdirSync(join(ROOT, group), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
  } catch {
    return []
  }
}
