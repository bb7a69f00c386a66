// Traces for a collector of OpenTelemetry's (decision 73). Behind a door of its own: a daemon imports it once
// it is asked for traces.
export { openTraces, type Traces } from './open.ts'
export type { OpenSpan } from './span.ts'
export { Tracer } from './tracer.ts'
