import { INTERNAL_NETWORKS } from '@cloister/core'
import type { ApiObject, ResourceQuota, Service } from './api-types.ts'
import { isDnsLabel, LABEL, leaseLabels, namespaceOf, serviceLabel } from './names.ts'
import { STARTER } from './starter.ts'

/** Whose objects, and what the worker's cluster is like. */
export interface LeasePlace {
  scope: string
  lease: string
  /** Networks (CIDR) from which the worker reaches containers, beside namespaces with its label. */
  workerNetworks: readonly string[]
  /** Networks (CIDR) that no lease reaches, beside private ones. */
  closedNetworks: readonly string[]
}

/** Name of the object that pods belong to, so that a machine can be drained: they have a controller. */
export const OWNER = 'cloister'
/** Most objects of a lease: a manifest has far fewer, and a bug of ours shall not fill a cluster. */
const MOST_PODS = '512'
const MOST_CLAIMS = '128'

/** A lease's namespace. Pods in it that ask for more than engines give by default are refused. */
export function namespaceObject({ scope, lease }: LeasePlace): ApiObject {
  return {
    metadata: {
      name: namespaceOf(scope, lease),
      labels: { ...leaseLabels(scope, lease), 'pod-security.kubernetes.io/enforce': 'baseline' },
      annotations: { [`${LABEL}/lease`]: lease },
    },
  }
}

/** The starter, and the object that pods belong to. It can't be changed, only made anew. */
export function starterObject({ scope, lease }: LeasePlace): ApiObject {
  return {
    metadata: { name: OWNER, labels: leaseLabels(scope, lease) },
    binaryData: { start: STARTER.toString('base64') },
    immutable: true,
  }
}

export function quotaObject({ scope, lease }: LeasePlace): ResourceQuota {
  return {
    metadata: { name: OWNER, labels: leaseLabels(scope, lease) },
    spec: {
      hard: {
        pods: MOST_PODS,
        persistentvolumeclaims: MOST_CLAIMS,
        'services.nodeports': '0',
        'services.loadbalancers': '0',
        secrets: '16',
      },
    },
  }
}

/** What says nothing of its size has next to nothing. */
export function limitsObject({ scope, lease }: LeasePlace): ApiObject {
  const least = { cpu: '10m', memory: '16Mi', 'ephemeral-storage': '16Mi' }
  return {
    metadata: { name: OWNER, labels: leaseLabels(scope, lease) },
    spec: { limits: [{ type: 'Container', default: least, defaultRequest: least }] },
  }
}

/**
 * What a lease's containers reach, and who reaches them: nothing but each other, the cluster's DNS, and the
 * worker; the internet where the lease has it.
 */
export function networkPolicies(place: LeasePlace, hasInternet: boolean): ApiObject[] {
  const { scope, lease, workerNetworks, closedNetworks } = place
  const labels = leaseLabels(scope, lease)
  const each = { podSelector: {} }
  const dns = {
    to: [{ namespaceSelector: {}, podSelector: { matchLabels: { 'k8s-app': 'kube-dns' } } }],
    ports: [
      { protocol: 'UDP', port: 53 },
      { protocol: 'TCP', port: 53 },
    ],
  }
  const { ipv4 } = INTERNAL_NETWORKS
  const except = [...new Set([...ipv4, ...closedNetworks.filter((one) => !one.includes(':'))])]
  const internet = {
    to: [
      { ipBlock: { cidr: '0.0.0.0/0', except } },
      // Global unicast (RFC 4291), without the networks that lead into IPv4 ones (6to4, Teredo, NAT64).
      {
        ipBlock: {
          cidr: '2000::/3',
          except: ['2001::/32', '2002::/16', ...closedNetworks.filter((one) => one.includes(':'))],
        },
      },
    ],
  }
  return [
    {
      metadata: { name: 'nothing', labels },
      spec: { ...each, policyTypes: ['Ingress', 'Egress'] },
    },
    {
      metadata: { name: 'lease', labels },
      spec: {
        ...each,
        policyTypes: ['Ingress', 'Egress'],
        ingress: [
          { from: [{ podSelector: {} }] },
          {
            from: [
              { namespaceSelector: { matchLabels: { [`${LABEL}/worker`]: scope } } },
              ...workerNetworks.map((cidr) => ({ ipBlock: { cidr } })),
            ],
          },
        ],
        egress: [{ to: [{ podSelector: {} }] }, dns, ...(hasInternet ? [internet] : [])],
      },
    },
  ]
}

/** What a service's containers are found by: every name that means it, and that a cluster's DNS can have. */
export function serviceObjects(
  { scope, lease }: LeasePlace,
  services: readonly string[],
  aliases: Readonly<Record<string, string>>,
): Service[] {
  const names = [...services.map((service) => [service, service] as const), ...Object.entries(aliases)]
  return names
    .filter(([name]) => isDnsLabel(name))
    .map(([name, service]) => ({
      metadata: { name, labels: leaseLabels(scope, lease) },
      // Every address of its containers, and all their ports (headless).
      spec: { clusterIP: 'None', selector: serviceLabel(service), publishNotReadyAddresses: true },
    }))
}
