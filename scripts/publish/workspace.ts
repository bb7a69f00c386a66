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

/** `names` and every package of the workspace that they need, those that are needed first. */
export function withNeeded(workspace: Map<string, Member>, names: readonly string[]): Member[] {
  const found = new Map<string, Member>()
  const visit = (name: string): void => {
    const member = workspace.get(name)
    if (!member || found.has(name)) return
    for (const needed of Object.keys(member.description.dependencies ?? {})) visit(needed)
    found.set(name, member)
  }
  names.forEach(visit)
  return [...found.values()]
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
