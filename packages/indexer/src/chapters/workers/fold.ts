import { fromChain } from '@cloister/chain'
import { type Hex, hexToString } from 'viem'
import { entity, type Handler, type Need, on, type RowOf, type Subject } from '../../engine/chapter.ts'
import type { ChainEvent } from '../../engine/contract.ts'
import type { Rows } from '../../engine/rows.ts'
import { WORKERS } from './contract.ts'
import { worker } from './tables.ts'

type WorkerRow = RowOf<typeof worker>
type WorkerEvent<Args = unknown> = ChainEvent<string, Args & { worker: Hex }>

/** A worker, which events of several contracts name. */
export const WORKER: Subject = {
  kind: 'worker',
  argumentOf: (_, { inputs }) =>
    inputs.some(({ name, type }) => name === 'worker' && type === 'address') ? 'worker' : undefined,
}

export const workers = entity(worker, { key: 'address', subject: WORKER.kind, column: worker.address })

const itsWorker = ({ args }: WorkerEvent): Need[] => [[workers, args.worker]]
const onWorkers = on(WORKERS, WORKER.kind)

const change =
  <E extends WorkerEvent>(by: (before: WorkerRow, event: E) => Partial<WorkerRow>) =>
  (event: E, rows: Rows): void => {
    rows.change(workers, event.args.worker, (before) => by(before, event))
  }

const attest = change(
  (_, { args, time }: WorkerEvent<{ platform: Hex; measurement: Hex; tlsKeyHash: Hex }>) => ({
    platform: args.platform,
    measurement: args.measurement,
    tlsKeyHash: args.tlsKeyHash,
    attestedAt: time,
  }),
)

/** What becomes of a worker, from `WorkerRegistered` on. Covered time adds up as in Workers.sol. */
export const workerHandlers: Handler[] = [
  onWorkers(
    'WorkerRegistered',
    () => [],
    ({ args, time }, rows) =>
      rows.put(workers, {
        address: args.worker,
        provider: args.provider,
        ...described(args.description),
        retired: false,
        registeredAt: time,
        coveredBefore: 0,
        coveredFrom: 0,
        coveredUntil: 0,
        platform: null,
        measurement: null,
        tlsKeyHash: null,
        attestedAt: null,
        confirmedGpuClass: null,
        confirmedGpus: null,
        confirmedUntil: null,
      }),
  ),
  onWorkers(
    'WorkerDescribed',
    itsWorker,
    change((_, { args }) => described(args.description)),
  ),
  onWorkers(
    'WorkerRetiredBy',
    itsWorker,
    change(() => ({ retired: true })),
  ),
  onWorkers(
    'Covered',
    itsWorker,
    change(({ coveredBefore, coveredFrom, coveredUntil }, { args }) => {
      const [start, until] = [Number(args.start), Number(args.until)]
      if (start === coveredFrom) return { coveredUntil: until }
      return {
        coveredBefore: coveredBefore + coveredUntil - coveredFrom,
        coveredFrom: start,
        coveredUntil: until,
      }
    }),
  ),
  onWorkers(
    'CoverageEnded',
    itsWorker,
    change((_, { args }) => ({ coveredUntil: Number(args.until) })),
  ),
  onWorkers('Attested', itsWorker, attest),
  onWorkers('AttestedByVerdict', itsWorker, attest),
  onWorkers(
    'GpusConfirmed',
    itsWorker,
    change((_, { args }) => ({
      confirmedGpuClass: hexToString(args.gpuClass).replace(/\0+$/, ''),
      confirmedGpus: Number(args.gpus),
      confirmedUntil: Number(args.until),
    })),
  ),
]

function described(description: Parameters<typeof fromChain>[0]) {
  return fromChain(description)
}
