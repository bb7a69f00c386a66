import { CloisterError } from '@cloister/core'
import { exec, findLease, workerAsTenant } from '@cloister/sdk'
import { note, paint, printable, say, sayJson, shownOn } from '@cloister/terminal'
import type { Command } from 'commander'
import { command, connect, type Globals } from '../context.ts'

/** What `exec` ends with where the command could not be run. */
const EXEC_FAILED = 125

/** Logs and events of a lease, and commands in it: what runs over one connection for as long as it lasts. */
export function addLeaseStreams(program: Command): void {
  command(program, 'logs <lease>', 'what the services print', 'cloister logs my-app -f --service web')
    .option('-f, --follow', 'go on with what comes')
    .option('--service <name>', 'only this service or container')
    .option('--replica <number>', 'only this copy of the service, from 0')
    .option('--tail <lines>', 'only that many last lines', '1000')
    .action(showLogs)
  command(program, 'events <lease>', 'what happened to a lease', 'cloister events my-app -f')
    .option('-f, --follow', 'go on with what comes')
    .action(showEvents)
  command(
    program,
    'exec <lease> <command...>',
    'run a command in a lease; interactive on a terminal',
    'cloister exec my-app -- sh',
  )
    .option('--service <name>', 'the service or container to run it in')
    .option('--replica <number>', 'the copy of the service, from 0')
    .action(runExec)
}

async function showLogs(
  key: string,
  options: Globals & ContainerOptions & { follow?: boolean; tail: string },
): Promise<void> {
  const cloister = connect(options)
  const lease = await findLease(cloister, key)
  if (!/^\d{1,5}$/.test(options.tail) || Number(options.tail) > 10_000)
    throw new CloisterError('bad-option', '--tail takes a number of lines up to 10000.')
  const aborter = onInterrupt()
  const containers = new Map<string, number>()
  const colours = ['cyan', 'magenta', 'yellow', 'green', 'blue'] as const
  for await (const line of workerAsTenant(cloister, lease).logs(lease.lease, {
    service: containerOf(options),
    tail: Number(options.tail),
    follow: options.follow === true,
    signal: aborter.signal,
  })) {
    if (options.json) {
      sayJson(line)
      continue
    }
    if (!containers.has(line.container)) containers.set(line.container, containers.size)
    const colour = colours[(containers.get(line.container) ?? 0) % colours.length] ?? 'cyan'
    await written(
      `${paint(colour, printable(line.container).padEnd(10))} ${printable(line.text)}\n`,
      line.stream === 'stderr' ? process.stderr : process.stdout,
    )
  }
  sayEnded(options, aborter.signal)
}

interface ContainerOptions {
  service?: string
  replica?: string
}

/** The container that options name: a service's, or one copy of it (`web-1`). Throws `bad-option`. */
function containerOf({ service, replica }: ContainerOptions): string | undefined {
  if (replica === undefined) return service
  if (service === undefined || !/^\d{1,3}$/.test(replica))
    throw new CloisterError(
      'bad-option',
      '--replica takes the number of a copy, and --service says of what.',
      { hint: 'As in --service web --replica 1.' },
    )
  return `${service}-${Number(replica)}`
}

/** Tells a person who follows that nothing more will come. */
function sayEnded({ follow, json }: Globals & { follow?: boolean }, { aborted }: AbortSignal): void {
  if (follow === true && json !== true && !aborted) note(paint('dim', 'The lease has ended.', process.stderr))
}

async function showEvents(key: string, options: Globals & { follow?: boolean }): Promise<void> {
  const cloister = connect(options)
  const lease = await findLease(cloister, key)
  const aborter = onInterrupt()
  for await (const event of workerAsTenant(cloister, lease).events(lease.lease, {
    follow: options.follow === true,
    signal: aborter.signal,
  })) {
    if (options.json) sayJson(event)
    else
      say(
        `${paint('dim', new Date(event.time).toISOString().slice(0, 19).replace('T', ' '))}  ${printable(event.kind).padEnd(13)} ${printable(event.message)}`,
      )
  }
  sayEnded(options, aborter.signal)
}

async function runExec(key: string, argv: string[], options: Globals & ContainerOptions): Promise<void> {
  const cloister = connect(options)
  const lease = await findLease(cloister, key)
  const interactive = process.stdin.isTTY === true && process.stdout.isTTY === true && options.json !== true
  const size = () => ({ columns: process.stdout.columns ?? 80, rows: process.stdout.rows ?? 24 })
  if (interactive) process.stdin.setRawMode(true)
  try {
    const code = await exec(workerAsTenant(cloister, lease), {
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

/** Ends a stream of lines with Ctrl-C, without an error. */
function onInterrupt(): AbortController {
  const aborter = new AbortController()
  process.once('SIGINT', () => aborter.abort())
  process.stdout.once('error', () => aborter.abort())
  return aborter
}

async function written(text: string, stream: NodeJS.WriteStream): Promise<void> {
  if (!stream.write(text)) await new Promise((resolve) => stream.once('drain', resolve))
}
