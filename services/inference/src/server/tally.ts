import { addGauges, Counter, classOf, expose, Histogram, openRegistry } from '@cloister/operations/metrics'
import type { Usage } from './usage.ts'

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300]
const RATES = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000]

/** What the door counts, for Prometheus: numbers alone, no word of anybody's. */
export class Tally {
  private readonly registry = openRegistry()
  private readonly requests = new Counter({
    name: 'cloister_inference_requests_total',
    help: 'Requests, by how they ended: complete, cancelled, failed or refused.',
    labelNames: ['outcome'],
    registers: [this.registry],
  })
  private readonly errors = new Counter({
    name: 'cloister_inference_errors_total',
    help: 'Requests that got an error, by its code.',
    labelNames: ['reason'],
    registers: [this.registry],
  })
  private readonly firstBytes = new Histogram({
    name: 'cloister_inference_first_token_seconds',
    help: 'From the engine being asked to the first token of a stream.',
    buckets: SECONDS,
    registers: [this.registry],
  })
  private readonly durations = new Histogram({
    name: 'cloister_inference_answer_seconds',
    help: 'From the engine being asked to the end of its answer.',
    buckets: SECONDS,
    registers: [this.registry],
  })
  private readonly rates = new Histogram({
    name: 'cloister_inference_output_tokens_per_second',
    help: 'Tokens of complete answers for each second that they took.',
    buckets: RATES,
    registers: [this.registry],
  })
  private readonly tokens = new Counter({
    name: 'cloister_inference_tokens_total',
    help: 'Tokens, by what they were: input, cached (a part of input) and output.',
    labelNames: ['kind'],
    registers: [this.registry],
  })
  private readonly spend = new Counter({
    name: 'cloister_inference_charged_total',
    help: 'Base units of the offer’s token that answers cost.',
    registers: [this.registry],
  })
  private readonly sealed = new Counter({
    name: 'cloister_inference_sealed_requests_total',
    help: 'Requests that came sealed.',
    registers: [this.registry],
  })

  /** Adds what is read once somebody asks: requests at the engine, and those that wait. */
  watch(load: { running: () => number; queued: () => number; unsigned: () => number }): void {
    addGauges(this.registry, [
      { name: 'cloister_inference_running', help: 'Requests at the engine.', read: load.running },
      { name: 'cloister_inference_queued', help: 'Requests that wait for the engine.', read: load.queued },
      {
        name: 'cloister_inference_unsigned_receipts',
        help: 'Receipts that wait for the worker’s signature.',
        read: load.unsigned,
      },
    ])
  }

  answered(outcome: string, usage: Usage, amount: bigint, ms: number): void {
    this.requests.inc({ outcome })
    this.durations.observe(ms / 1_000)
    if (outcome === 'complete' && usage.output > 1 && ms > 0) this.rates.observe((usage.output * 1_000) / ms)
    this.tokens.inc({ kind: 'input' }, usage.input)
    this.tokens.inc({ kind: 'cached' }, usage.cached)
    this.tokens.inc({ kind: 'output' }, usage.output)
    this.spend.inc(Number(amount))
  }

  firstByte(ms: number): void {
    this.firstBytes.observe(ms / 1_000)
  }

  /** The engine itself refused. */
  refused(status: number): void {
    this.requests.inc({ outcome: 'refused' })
    this.errors.inc({ reason: `engine-${classOf(status)}` })
  }

  /** Somebody left before the engine said anything. */
  left(): void {
    this.errors.inc({ reason: 'left' })
  }

  failed(code: string): void {
    this.requests.inc({ outcome: 'refused' })
    this.errors.inc({ reason: code })
  }

  cameSealed(): void {
    this.sealed.inc()
  }

  metrics(): Promise<{ contentType: string; text: string }> {
    return expose(this.registry)
  }
}
