import type { WorkerRecord } from '@cloister/core'
import { workerOfRecord } from '@cloister/sdk'
import { paint, printable, say, sayJson, table } from '@cloister/terminal'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import { attestation, resources, short, uptimeOf } from '../../show.ts'

export async function showWorkers(options: Globals): Promise<void> {
  const { index, network } = connect(options)
  const workers = await index.workers()
  const reports = await Promise.all(
    workers.map((worker) =>
      workerOfRecord(network, worker)
        .report(AbortSignal.timeout(3_000))
        .catch(() => undefined),
    ),
  )
  if (options.json)
    return sayJson(
      workers.map((worker, i) => ({
        ...worker,
        ...(reports[i] && {
          name: reports[i].name,
          free: reports[i].free,
          prices: reports[i].prices,
          isolation: reports[i].isolation,
          attributes: reports[i].attributes,
        }),
      })),
    )
  const now = Date.now() / 1000
  say(
    table(
      [
        'worker',
        'name',
        'provider',
        'state',
        'has',
        'free',
        'USDC/hour: cpu, GiB',
        'uptime',
        'open',
        'served',
        'attestation',
      ],
      workers.map((worker, i) => {
        const report = reports[i]
        const prices = report?.prices['USDC']
        const present = worker.coveredUntil > now && !worker.retired
        return [
          short(worker.worker),
          printable(report?.name ?? ''),
          short(worker.provider),
          present
            ? paint(report ? 'green' : 'red', report ? 'up' : 'unreachable')
            : paint('dim', worker.retired ? 'retired' : 'away'),
          resources(worker, gpusOf(worker)),
          report ? resources(report.free, worker.gpuClass) : '',
          prices ? `${printable(prices.cpu)}, ${printable(prices.memoryGiB)}` : '',
          uptimeOf(worker),
          String(worker.openLeases),
          String(worker.leasesServed),
          attestation(worker.attestation),
        ]
      }),
      ['uptime', 'open', 'served'],
    ),
  )
}

/** Class of a worker's GPUs, and whether that is more than its own word. */
function gpusOf({ gpuClass, gpus, confirmedGpus }: WorkerRecord): string {
  return gpuClass === confirmedGpus?.gpuClass && gpus <= confirmedGpus.gpus
    ? gpuClass
    : `${gpuClass} (not confirmed)`
}
