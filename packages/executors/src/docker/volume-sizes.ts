import { CloisterError } from '@cloister/core'
import type Docker from 'dockerode'

/** Engines walk through everything for an answer, and some give one at a time. */
const FRESH_MS = 10_000
const PATIENCE_MS = 60_000

/** What is read of `GET /system/df`. */
interface DiskUsage {
  Volumes?: { Name: string; UsageData?: { Size?: number } | null }[] | null
}

/**
 * What the engine says that its volumes take, for an agent that may not look into them itself. All leases
 * are told of one answer.
 */
export class VolumeSizes {
  private readonly docker: Docker
  private latest: { until: number; sizes: Promise<Map<string, number>> } | undefined

  constructor(docker: Docker) {
    this.docker = docker
  }

  /** Bytes by volume. Throws `engine-failed` where the engine doesn't say. */
  all(): Promise<Map<string, number>> {
    if (this.latest && Date.now() < this.latest.until) return this.latest.sizes
    const sizes = this.ask()
    const latest = { until: Number.POSITIVE_INFINITY, sizes }
    this.latest = latest
    // It grows old from when it is there; one that failed is asked for again.
    const settled = (ms: number) => () => void (latest.until = Date.now() + ms)
    sizes.then(settled(FRESH_MS), settled(0))
    return sizes
  }

  private async ask(): Promise<Map<string, number>> {
    // Engines that don't know the type reckon the rest as well.
    const question = {
      path: '/system/df?',
      options: { type: 'volume' },
      method: 'GET',
      abortSignal: AbortSignal.timeout(PATIENCE_MS),
      statusCodes: { 200: true },
    }
    const { Volumes } = await new Promise<DiskUsage>((resolve, reject) =>
      this.docker.modem.dial(question, (error: unknown, answer: unknown) =>
        error ? reject(failed(error)) : resolve((answer ?? {}) as DiskUsage),
      ),
    )
    return new Map((Volumes ?? []).map(({ Name, UsageData }) => [Name, Math.max(0, UsageData?.Size ?? 0)]))
  }
}

function failed(cause: unknown): CloisterError {
  return new CloisterError('engine-failed', 'The container engine does not say what its volumes take.', {
    cause,
  })
}
