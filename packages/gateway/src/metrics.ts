import { X509Certificate } from 'node:crypto'
import { addGauges, Counter, classOf, Gauge, Histogram, type Registry } from '@cloister/operations/metrics'
import { inferenceMetrics } from './inference/metrics.ts'
import type { GatewayObserver } from './observer.ts'

/** Seconds. What takes longer than the last is a stream, as a rule. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

/**
 * Adds a gateway's metrics; returns what counts for them. No label says which lease, name or address a
 * request was for. `certificate`: PEM, where it speaks TLS.
 */
export function gatewayMetrics(registry: Registry, certificate?: string | Buffer): GatewayObserver {
  const registers = [registry]
  const requests = new Counter({
    name: 'cloister_gateway_requests_total',
    help: 'Requests whose answer has ended, by class of its status; none where the client left before.',
    labelNames: ['status'],
    registers,
  })
  for (const status of ['2xx', '3xx', '4xx', '5xx', 'none']) requests.inc({ status }, 0)
  const seconds = new Histogram({
    name: 'cloister_gateway_request_duration_seconds',
    help: 'From a request’s head to the end of its answer; streams are in it with all their length.',
    buckets: BUCKETS,
    registers,
  })
  const streams = new Gauge({
    name: 'cloister_gateway_open_streams',
    help: 'Requests being answered, WebSockets that are open, and connections passed on for tenants’ domains.',
    labelNames: ['kind'],
    registers,
  })
  for (const kind of ['request', 'websocket', 'passed']) streams.set({ kind }, 0)
  const dials = new Counter({
    name: 'cloister_gateway_worker_dials_total',
    help: 'Connections to workers that were tried; unattested: the worker’s TLS key was not the attested one.',
    labelNames: ['outcome'],
    registers,
  })
  for (const outcome of ['connected', 'unattested', 'unreachable']) dials.inc({ outcome }, 0)
  if (certificate !== undefined) {
    const expiry = new X509Certificate(certificate).validToDate.getTime() / 1000
    addGauges(registry, [
      {
        name: 'cloister_gateway_certificate_expiry_timestamp_seconds',
        help: 'When the certificate that clients are shown ends.',
        read: () => expiry,
      },
    ])
  }
  return {
    request: () => {
      const ended = seconds.startTimer()
      streams.inc({ kind: 'request' })
      return (status) => {
        ended()
        streams.dec({ kind: 'request' })
        requests.inc({ status: classOf(status) })
      }
    },
    upgrade: () => {
      streams.inc({ kind: 'websocket' })
      return () => streams.dec({ kind: 'websocket' })
    },
    passed: () => {
      streams.inc({ kind: 'passed' })
      return () => streams.dec({ kind: 'passed' })
    },
    dialled: (outcome) => dials.inc({ outcome }),
    inference: inferenceMetrics(registry),
  }
}
