import { writeLeaseName } from '@cloister/core'
import { groups, leases, sessionOf } from '@cloister/sdk'
import { exec } from '@cloister/sdk/node'
import { note, paint, sayJson, shownOn } from '@cloister/terminal'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import { type ContainerOptions, containerOf } from './containers.ts'

/** What `exec` ends with where the command could not be run. */
const EXEC_FAILED = 125

export async function runExec(
  key: string,
  argv: string[],
  options: Globals & ContainerOptions,
): Promise<void> {
  const cloister = connect(options)
  const group = await groups.find(cloister, key)
  const lease = group ? await groups.firstRunning(cloister, group) : await leases.findLease(cloister, key)
  if (group && options.json !== true)
    note(paint('dim', `in ${writeLeaseName({ name: group.name, replica: lease.replica })}`, process.stderr))
  const interactive = process.stdin.isTTY === true && process.stdout.isTTY === true && options.json !== true
  const size = () => ({ columns: process.stdout.columns ?? 80, rows: process.stdout.rows ?? 24 })
  if (interactive) process.stdin.setRawMode(true)
  try {
    const code = await exec(sessionOf(cloister, lease).asTenant, {
      lease: lease.lease,
      container: containerOf(options),
      argv,
      terminal: interactive ? size() : undefined,
      stdin: process.stdin,
      stdout: interactive ? process.stdout : shownOn(process.stdout),
      stderr: interactive ? process.stderr : shownOn(process.stderr),
      onResizable: (resize) => {
        if (interactive) process.stdout.on('resize', () => resize(size().columns, size().rows))
      },
    })
    if (options.json) sayJson({ exitCode: code })
    if (code !== 0 && !interactive) note(paint('dim', `exit code ${code}`, process.stderr))
    process.exitCode = code & 0xff
  } catch (error) {
    // As with `docker exec`: the command itself did not get to say anything.
    process.exitCode = EXEC_FAILED
    throw error
  } finally {
    if (interactive) process.stdin.setRawMode(false)
  }
}
