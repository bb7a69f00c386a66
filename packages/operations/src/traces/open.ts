import { Exporter } from './exporter.ts'
import { readTraceSettings } from './settings.ts'
import { Tracer } from './tracer.ts'

/** Traces of a daemon, on their way to a collector. */
export interface Traces {
  tracer: Tracer
  /** Sends what waits, for two seconds at most. Never rejects. */
  close: () => Promise<void>
}

/**
 * Has traces sent to a collector. `address`: the base of its URL; `usual`: a name where the environment has
 * none; `tell` is told when the collector takes none, and when it does again. Throws `bad-option`.
 */
export function openTraces(address: string, { usual, tell, env = process.env }: TracesParts): Traces {
  const { ratio, ...place } = readTraceSettings(address, usual, env)
  const exporter = new Exporter({ ...place, tell })
  return { tracer: new Tracer(ratio, (span) => exporter.add(span)), close: () => exporter.close() }
}

/** What traces are opened with beside their collector. */
interface TracesParts {
  usual: string
  tell: (message: string) => void
  env?: NodeJS.ProcessEnv
}
