import { createHash } from 'node:crypto'

/** Labels and annotations of everything that is a worker's begin with it. */
export const LABEL = 'network.cloister'
/** What init containers and containers of a pod are called. */
export const PREPARE = 'prepare'
export const MAIN = 'main'
/** Where the starter and its orders are in a container. */
export const STARTER_FOLDER = '/.cloister/program'
export const STARTER_PATH = `${STARTER_FOLDER}/start`
export const ORDER_FOLDER = '/.cloister/order'
export const ORDER_PATH = `${ORDER_FOLDER}/main`
export const FILES_FOLDER = '/.cloister/files'

/**
 * The label of machines that may have containers. Kubelets can't give it to themselves: the name ends as the
 * API server's NodeRestriction wants it for that.
 */
export function nodeLabel(scope: string): string {
  return `${LABEL}.node-restriction.kubernetes.io/covered-${scope}`
}

/** A lease's namespace. */
export function namespaceOf(scope: string, lease: string): string {
  return `cloister-${scope}-${hash(lease, 16)}`
}

/** Labels of what is of one container. */
export function containerLabels(scope: string, lease: string, name: string): Record<string, string> {
  return { ...leaseLabels(scope, lease), [`${LABEL}/container`]: hash(name, 16) }
}

export function leaseLabels(scope: string, lease: string): Record<string, string> {
  return { [`${LABEL}/scope`]: scope, [`${LABEL}/lease`]: hash(lease, 32) }
}

/** The label by which a service's containers are found. */
export function serviceLabel(service: string): Record<string, string> {
  return { [`${LABEL}/service`]: hash(service, 16) }
}

/** A name for one of several pods that a container has in turn (RFC 1123, 63 characters). */
export function podName(name: string, instance: number): string {
  return `${readable(name)}-${hash(name, 6)}-${instance.toString(36)}`
}

export function claimName(volume: string): string {
  return `${readable(volume)}-${hash(volume, 12)}`
}

/** Whether a service may be called so in a cluster's DNS (RFC 1035 label). */
export function isDnsLabel(name: string): boolean {
  return /^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/.test(name)
}

/** What people recognize it by, as far as names of a cluster go. */
function readable(text: string): string {
  const plain = text.toLowerCase().replace(/[^a-z0-9]+/g, '-')
  return `c-${plain}`.slice(0, 30).replace(/-+$/, '')
}

function hash(text: string, length: number): string {
  return createHash('sha256').update(text).digest('hex').slice(0, length)
}
