import {
  CloisterError,
  checkManifest,
  domainsOf,
  isLeaseName,
  type Manifest,
  NETWORK_NAME_PATTERN,
  NETWORK_NAME_RULE,
} from '@cloister/core'

/** Leases that a cluster may have: so many are opened by one transaction. */
const MOST_IN_CLUSTER = 64

/** What a cluster is called, and how large it is. */
export interface ClusterShape {
  name: string
  /** The private network that its leases are on. */
  network: string
  size: number
}

/** What each container of a cluster is told, beside its own variables. */
const VARIABLES = ['CLOISTER_RANK', 'CLOISTER_SIZE', 'CLOISTER_PEERS'] as const

/**
 * The shape of a cluster of `size` leases of a manifest, on the network that it names, or on one that is
 * called as the cluster is. Throws `bad-name`, `bad-option` for a size, and `bad-manifest` for one that can't
 * run several times.
 */
export function clusterShape(manifest: Manifest, name: string, size: number): ClusterShape {
  if (!Number.isInteger(size) || size < 1 || size > MOST_IN_CLUSTER)
    throw new CloisterError('bad-option', `A cluster has 1 to ${MOST_IN_CLUSTER} leases.`, {
      hint: 'Say how many: -n 4.',
    })
  const network = manifest.network ?? name
  const longest = `${name}-${size - 1}`
  if (!isLeaseName(longest) || !NETWORK_NAME_PATTERN.test(network))
    throw new CloisterError(
      'bad-name',
      `${JSON.stringify(name.slice(0, 60))} can't be the name of a cluster, whose leases are called ${JSON.stringify(longest.slice(0, 60))}.`,
      { hint: `Use --name with ${NETWORK_NAME_RULE}, and room for the number.` },
    )
  const [domain] = domainsOf(manifest)
  if (domain && size > 1)
    throw new CloisterError(
      'bad-manifest',
      `The domain ${domain.domain} can lead to one lease alone, and the cluster has ${size}.`,
      { hint: 'Deploy what has the domain by itself, on the same x-network.' },
    )
  for (const [service, { env, sealed = [] }] of Object.entries(manifest.services))
    for (const variable of VARIABLES)
      if (Object.hasOwn(env, variable) || sealed.some((secret) => secret.name === variable && !secret.path))
        throw new CloisterError('bad-manifest', `${service} sets ${variable}, which the cluster sets.`, {
          hint: 'Leave it out of the file; read it in the container.',
        })
  return { name, network, size }
}

/** What the lease of a rank is called: `mpi-0`, `mpi-1`, … */
export function memberName({ name }: ClusterShape, rank: number): string {
  return `${name}-${rank}`
}

/**
 * The manifest of one rank: on the network, and each container told its rank, how many there are, and where
 * they are on the network, from rank 0 on.
 */
export function memberManifest(manifest: Manifest, shape: ClusterShape, rank: number): Manifest {
  const { network, size } = shape
  const peers = Array.from({ length: size }, (_, other) => `${memberName(shape, other)}.${network}`)
  const told = {
    CLOISTER_RANK: String(rank),
    CLOISTER_SIZE: String(size),
    CLOISTER_PEERS: peers.join(','),
  }
  const services = Object.fromEntries(
    Object.entries(manifest.services).map(([name, service]) => [
      name,
      { ...service, env: { ...service.env, ...told } },
    ]),
  )
  return checkManifest({ ...manifest, network, services })
}

/**
 * The manifests of a cluster's leases by rank, as `up` opens them: what an app has to allow, so that their
 * workers are given its keys. Throws as `up` does for a name, a size or a manifest that won't do.
 *
 * @example
 * ```ts
 * import { hashManifest } from '@cloister/core'
 * import { apps, clusters, walletOf } from '@cloister/sdk'
 *
 * for (const member of clusters.manifests(manifest, { name: 'mpi', size: 4 }))
 *   await apps.allow(walletOf(cloister), app, 'manifest', hashManifest(member))
 * ```
 */
export function manifests(manifest: Manifest, { name, size }: { name: string; size: number }): Manifest[] {
  const shape = clusterShape(manifest, name, size)
  return Array.from({ length: size }, (_, rank) => memberManifest(manifest, shape, rank))
}
