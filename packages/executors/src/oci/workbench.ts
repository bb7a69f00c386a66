import { existsSync } from 'node:fs'
import { buildImage } from './build.ts'

/** Name of the image that tests, benchmarks and examples run. */
export const WORKBENCH_IMAGE = 'cloister/workbench:1'

const TOOLS = [
  'sh',
  'cat',
  'ls',
  'sleep',
  'echo',
  'env',
  'id',
  'mkdir',
  'mv',
  'rm',
  'stat',
  'sync',
  'touch',
  'dd',
  'ps',
  'stty',
  'hostname',
  'kill',
  'true',
  'false',
  'readlink',
]

/**
 * Builds a small image out of this machine's own Node and shell tools into an OCI layout folder, since no
 * registry may be in reach. Returns its digest.
 */
export function buildWorkbench(
  layout: string,
  name: string = WORKBENCH_IMAGE,
  files: Record<string, string> = {},
  command: string[] = ['node'],
): Promise<string> {
  const programs: Record<string, string> = { '/usr/bin/node': process.execPath }
  for (const tool of TOOLS) {
    const path = [`/bin/${tool}`, `/usr/bin/${tool}`].find((candidate) => existsSync(candidate))
    if (path) programs[`/bin/${tool}`] = path
  }
  return buildImage({
    layout,
    name,
    programs,
    files,
    entrypoint: [],
    command,
    env: { NODE_ENV: 'production' },
  })
}
