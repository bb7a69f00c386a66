import type { Plugin } from 'esbuild'

/** For esbuild: parts of Node are read when they are first used, not when they are imported. */
export const lateBuiltins: Plugin
