import { CloisterError, messageOf } from '@cloister/core'
import { type Group, groups, leases } from '@cloister/sdk'
import { note, paint, printable, sayJson } from '@cloister/terminal'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import { type ContainerOptions, containerOf } from './containers.ts'
import { onInterrupt, written } from './streams.ts'

export async function showLogs(
  key: string,
  options: Globals & ContainerOptions & { follow?: boolean; tail: string },
): Promise<void> {
  const cloister = connect(options)
  if (!/^\d{1,5}$/.test(options.tail) || Number(options.tail) > 10_000)
    throw new CloisterError('bad-option', '--tail takes a number of lines up to 10000.')
  const aborter = onInterrupt()
  const containers = new Map<string, number>()
  const colours = ['cyan', 'magenta', 'yellow', 'green', 'blue'] as const
  const group = await groups.find(cloister, key)
  const show = async (lease: string, replica?: number) => {
    for await (const line of leases.logs(cloister, lease, {
      service: containerOf(options),
      tail: Number(options.tail),
      follow: options.follow === true,
      signal: aborter.signal,
    })) {
      if (options.json) {
        sayJson({ ...(replica !== undefined && { replica }), ...line })
        continue
      }
      const name = replica === undefined ? line.container : `${replica}/${line.container}`
      if (!containers.has(name)) containers.set(name, containers.size)
      const colour = colours[(containers.get(name) ?? 0) % colours.length] ?? 'cyan'
      await written(
        `${paint(colour, printable(name).padEnd(10))} ${printable(line.text)}\n`,
        line.stream === 'stderr' ? process.stderr : process.stdout,
      )
    }
  }
  if (group) await showAll(group, show)
  else await show(key)
  sayEnded(options, aborter.signal)
}

/** Shows all replicas' logs at once; one whose worker doesn't answer is told of, and keeps nothing back. */
async function showAll(
  { name, members }: Group,
  show: (lease: string, replica: number) => Promise<void>,
): Promise<void> {
  const outcomes = await Promise.allSettled(members.map(({ lease, replica }) => show(lease, replica)))
  const failed = outcomes.flatMap((outcome, at) =>
    outcome.status === 'rejected' ? [{ replica: members[at]?.replica, reason: outcome.reason }] : [],
  )
  if (failed.length === members.length) throw failed[0]?.reason
  for (const { replica, reason } of failed)
    note(`${paint('yellow', '!', process.stderr)} ${name}/${replica}: ${printable(messageOf(reason))}`)
}

/** Tells a person who follows that nothing more will come. */
export function sayEnded({ follow, json }: Globals & { follow?: boolean }, { aborted }: AbortSignal): void {
  if (follow === true && json !== true && !aborted) note(paint('dim', 'The lease has ended.', process.stderr))
}
