import type { Manifest } from '@cloister/core'
import type { Hex } from 'viem'
import type { ContainerReport } from '../leases/container-report.ts'
import { type Exposed, exposedHttp } from '../leases/exposed.ts'
import type { Destination, NoDestination } from './ingress.ts'
import type { Worker } from './worker.ts'

/**
 * Finds where `<lease id>/<label>` leads: to the containers of a service in turn, those that take requests.
 */
export function destinations(
  worker: Pick<Worker, 'supervisor' | 'store'>,
): (route: string) => Destination | NoDestination {
  let turn = 0
  return (route) => {
    const [id = '', label = ''] = route.split('/')
    const runner = worker.supervisor.runner(id as Hex)
    if (!runner) return { state: 'unknown' }
    const lease = worker.store.lease(id as Hex)
    const manifest = lease?.running?.manifest ?? lease?.next?.manifest
    if (!manifest) return { state: 'starting' }
    const exposed = find(exposedOf(manifest), label)
    if (!exposed) return { state: 'unknown' }
    const ready = runner.ready(exposed.service)
    const container = ready[turn++ % Math.max(ready.length, 1)]
    if (container !== undefined) return { target: `${id}/${container}/${exposed.port}`, http: exposed.http }
    return stateOf(runner.report().filter(({ service }) => service === exposed.service))
  }
}

/** What manifests open, as it was read once: leases that are read are shared, and never change. */
const exposedBy = new WeakMap<Manifest, Exposed[]>()

function exposedOf(manifest: Manifest): Exposed[] {
  let exposed = exposedBy.get(manifest)
  if (!exposed) {
    exposed = exposedHttp(manifest)
    exposedBy.set(manifest, exposed)
  }
  return exposed
}

function find(exposed: Exposed[], label: string): Exposed | undefined {
  return label === '' ? exposed[0] : exposed.find((port) => port.label === label)
}

/** Why none of a service's containers takes requests: it is starting, or it fails, and how. */
function stateOf(reports: ContainerReport[]): NoDestination {
  const failing = reports.find(
    ({ state, exitCode }) => state === 'failed' || (exitCode !== undefined && state !== 'running'),
  )
  if (!failing) return { state: 'starting' }
  const { exitCode } = failing
  return {
    state: 'failing',
    detail: exitCode === undefined ? 'does not start' : `ended with code ${exitCode}`,
  }
}
