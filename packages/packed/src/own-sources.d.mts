import type { Plugin } from 'esbuild'

/** What finds files beside itself finds them where it lies. */
export const OWN_PATHS: Record<string, string>

/** Changes sources of ours as they are read; `actionOf` names the file of a command's action. */
export function changedSources(actionOf?: () => string | undefined): Plugin

/** The text with each namespace of the SDK, a file by name, imported from where it is. */
export function straight(text: string, namespaces: ReadonlyMap<string, string>): string

/** The text of a file that adds commands, with the call that imports `action` made an import. */
export function imported(text: string, path: string, action: string | undefined): string
