import { CloisterError } from '@cloister/core'
import { leases } from '@cloister/sdk'
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
  for await (const line of leases.logs(cloister, key, {
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

/** Tells a person who follows that nothing more will come. */
export function sayEnded({ follow, json }: Globals & { follow?: boolean }, { aborted }: AbortSignal): void {
  if (follow === true && json !== true && !aborted) note(paint('dim', 'The lease has ended.', process.stderr))
}
