import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const execute = promisify(execFile)

/** Programs that Debian keeps where not every user looks. */
export const SEARCH_PATH = [
  ...new Set([
    ...(process.env['PATH'] ?? '').split(':'),
    '/usr/local/sbin',
    '/usr/sbin',
    '/sbin',
    '/usr/bin',
    '/bin',
  ]),
]
  .filter(Boolean)
  .join(':')

/** Runs a program to its end and gives its output. Throws with what it said on its standard error. */
export async function run(
  command: string[],
  options: { cwd?: string; timeoutMs?: number } = {},
): Promise<string> {
  const [program = '', ...words] = command
  try {
    const { stdout } = await execute(program, words, {
      env: { PATH: SEARCH_PATH, LC_ALL: 'C' },
      ...(options.cwd !== undefined && { cwd: options.cwd }),
      timeout: options.timeoutMs ?? 60_000,
      killSignal: 'SIGKILL',
      maxBuffer: 1024 * 1024,
    })
    return stdout
  } catch (cause) {
    const said = (cause as { stderr?: string }).stderr?.trim().split('\n').at(-1)
    throw said ? new Error(`${program}: ${said}`, { cause }) : cause
  }
}

/** `command`, begun in the control groups of these files. */
export function inGroups(files: readonly string[], command: readonly string[]): string[] {
  if (files.length === 0) return [...command]
  const script =
    'n=$1; shift; while [ "$n" -gt 0 ]; do echo 0 > "$1" || exit 1; shift; n=$((n-1)); done; exec "$@"'
  return ['/bin/sh', '-c', script, 'sh', String(files.length), ...files, ...command]
}
