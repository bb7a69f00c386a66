import { type Manifest, messageOf, timerMs } from '@cloister/core'
import type { Executor } from '@cloister/executors'

/**
 * Runs what a manifest's services say that is to be done once notice was given (`x-on-notice`), in each of
 * their containers that runs, until `noticeUntil` (Unix seconds) at the most, and tells how each ended. A
 * shell line has that instant as its `$1`. Never rejects.
 */
export async function runOnNotice(
  executor: Pick<Executor, 'containers' | 'exec'>,
  lease: string,
  manifest: Manifest,
  noticeUntil: number,
  say: (message: string) => void,
): Promise<void> {
  const running = await executor.containers(lease).catch(() => [])
  const found = Object.entries(manifest.services).flatMap(([service, { count, onNotice }]) =>
    onNotice === undefined
      ? []
      : Array.from({ length: count }, (_, i) => ({ name: `${service}-${i}`, onNotice })),
  )
  await Promise.all(
    found.map(async ({ name, onNotice }) => {
      if (!running.some((container) => container.name === name && container.running))
        return say(`${name} does not run, so its command for notice does not either.`)
      const ended = await runIn(executor, lease, name, argvOf(onNotice, noticeUntil), noticeUntil)
      say(`${name}: its command for notice ${ended}.`)
    }),
  )
}

function argvOf([kind, ...words]: string[], noticeUntil: number): string[] {
  return kind === 'CMD-SHELL' ? ['/bin/sh', '-c', words.join(' '), 'on-notice', String(noticeUntil)] : words
}

async function runIn(
  executor: Pick<Executor, 'exec'>,
  lease: string,
  name: string,
  argv: string[],
  noticeUntil: number,
): Promise<string> {
  let timer: NodeJS.Timeout | undefined
  try {
    const session = await executor.exec(lease, name, { argv, terminal: undefined })
    session.stdin.on('error', () => {})
    session.stdin.end()
    session.stdout.resume()
    session.stderr.resume()
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), timerMs(Math.max(1, noticeUntil * 1000 - Date.now())))
    })
    const code = await Promise.race([session.exit, late])
    if (code === undefined) session.kill()
    return code === undefined ? 'was not done in time' : `ended with ${code}`
  } catch (error) {
    return `did not run: ${messageOf(error).slice(0, 200)}`
  } finally {
    clearTimeout(timer)
  }
}
