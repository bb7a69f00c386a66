import {
  formatDuration,
  gpuMismatch,
  parseGpuKinds,
  type WorkerRecord,
  type WorkerReport,
} from '@cloister/core'
import { workerOfRecord } from '@cloister/sdk'
import { paint, printable, say, sayJson, table } from '@cloister/terminal'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import { attestation, resources, short, uptimeOf } from '../../show.ts'

export async function showWorkers(options: Globals & { gpu?: string }): Promise<void> {
  const gpuKinds = options.gpu === undefined ? undefined : [parseGpuKinds(options.gpu)]
  const { index, network } = connect(options)
  const all = await index.workers()
  const answers = await Promise.all(
    all.map((worker) =>
      workerOfRecord(network, worker)
        .report(AbortSignal.timeout(3_000))
        .catch(() => undefined),
    ),
  )
  const shown = all
    .map((worker, i) => ({ worker, report: answers[i] }))
    .filter(
      ({ worker, report }) =>
        gpuKinds === undefined ||
        (worker.gpus > 0 && gpuMismatch({ gpuKinds }, kindOf(worker, report)) === undefined),
    )
  const [workers, reports] = [shown.map(({ worker }) => worker), shown.map(({ report }) => report)]
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
          ...(reports[i].interruptible && { interruptible: reports[i].interruptible }),
        }),
      })),
    )
  if (all.length === 0) return say('No worker is registered.')
  if (options.gpu !== undefined && workers.length === 0)
    return say(
      noneWith(
        options.gpu,
        all.map((worker, i) => gpuKindOf(worker, answers[i])),
      ),
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
          resources(worker, gpusOf(worker, report)),
          report ? resources(report.free, worker.gpuClass) : '',
          prices ? `${printable(prices.cpu)}, ${printable(prices.memoryGiB)}${less(report)}` : '',
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

/** That nobody has such GPUs, and which there are; `kinds` has those of each worker, '' for none. */
function noneWith(wanted: string, kinds: readonly string[]): string {
  const workers = (count: number) => (count === 1 ? '1 worker' : `${count} workers`)
  const none = `No worker has GPUs that would do for ${printable(wanted)}`
  const there = [...new Set(kinds)].filter((kind) => kind !== '').sort()
  if (there.length === 0) return `${none}: none has any.`
  const each = there.map((kind) => `${kind}, on ${workers(kinds.filter((one) => one === kind).length)}`)
  return `${none}. There are:\n${each.map((line) => `  ${line}`).join('\n')}`
}

/** A worker's GPUs in words; '' for none, and where nobody can lease them any more. */
function gpuKindOf(worker: WorkerRecord, report: WorkerReport | undefined): string {
  return worker.gpus === 0 || worker.retired ? '' : gpusOf(worker, report)
}

/** What leases with less notice cost there, in words. */
function less(report: WorkerReport | undefined): string {
  if (!report?.interruptible) return ''
  const { percent, noticeSeconds } = report.interruptible
  return `; ${percent}% with ${formatDuration(noticeSeconds)} of notice`
}

/** What is known of a worker's GPUs: their class, and what the worker says of their memory and form. */
function kindOf({ gpuClass }: WorkerRecord, report: WorkerReport | undefined) {
  const { 'gpu-ram': ram, 'gpu-interface': form } = report?.attributes ?? {}
  return { gpuClass, ram, form }
}

/** The same in words, and whether the class is more than the worker's own word. */
function gpusOf(worker: WorkerRecord, report: WorkerReport | undefined): string {
  const { gpuClass, gpus, confirmedGpus } = worker
  const { ram, form } = kindOf(worker, report)
  const kind = printable([gpuClass, ram, form].filter(Boolean).join(' '))
  const isConfirmed = gpuClass === confirmedGpus?.gpuClass && gpus <= confirmedGpus.gpus
  return isConfirmed ? kind : `${kind} (not confirmed)`
}
