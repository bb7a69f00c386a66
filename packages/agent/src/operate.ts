import { openOperatorInterface, parseListenAt } from '@cloister/operations'
import type { Worker } from './api/worker.ts'

/**
 * Opens what operators ask of a worker, at `[host:]port`. Throws `bad-option` or `port-taken`. What it takes
 * is read once it is asked for.
 */
export async function operateWorker(
  worker: Worker,
  place: string,
): Promise<{ url: string; close: () => Promise<void> }> {
  const at = parseListenAt(place)
  const [{ expose, openRegistry }, { workerMetrics }] = await Promise.all([
    import('@cloister/operations/metrics'),
    import('./metrics.ts'),
  ])
  const registry = openRegistry()
  workerMetrics(registry, worker)
  const { readiness } = worker
  const { port, close } = await openOperatorInterface({
    who: 'The worker',
    at,
    metrics: () => expose(registry),
    readiness,
  })
  return { url: `http://${at.host}:${port}/metrics`, close }
}
