import { type HealthCheck, timerMs } from '@cloister/core'
import type { Executor } from '@cloister/executors'

/** Runs one health check in a container: true where it ends with 0 in time. */
export async function checkHealth(
  executor: Executor,
  lease: string,
  container: string,
  health: HealthCheck,
): Promise<boolean> {
  const [kind, ...rest] = health.test
  const argv = kind === 'CMD-SHELL' ? ['/bin/sh', '-c', rest.join(' ')] : rest
  const session = await executor.exec(lease, container, { argv, terminal: undefined }).catch(() => undefined)
  if (!session) return false
  session.stdin.on('error', () => {})
  session.stdin.end()
  session.stdout.resume()
  session.stderr.resume()
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<number>((resolve) => {
    timer = setTimeout(() => resolve(-1), timerMs(Math.max(1, health.timeoutMs)))
  })
  const code = await Promise.race([session.exit, late])
  clearTimeout(timer)
  if (code === -1) session.kill()
  return code === 0
}

/** Whether a TCP port of a container takes a connection. */
export async function isListening(
  executor: Executor,
  lease: string,
  container: string,
  port: number,
): Promise<boolean> {
  const stream = await executor.connect(lease, container, port).catch(() => undefined)
  if (!stream) return false
  // An engine that connects on our behalf answers first and hangs up at once where nobody listens.
  const open = await new Promise<boolean>((resolve) => {
    const timer = setTimeout(() => resolve(true), 10)
    const answer = (is: boolean) => () => {
      clearTimeout(timer)
      resolve(is)
    }
    // Who says something listens, also where it hangs up then, as a server of the time of day does.
    stream.once('data', answer(true))
    stream.once('error', answer(false)).once('close', answer(false)).once('end', answer(false))
  })
  stream.on('error', () => {})
  stream.destroy()
  return open
}
