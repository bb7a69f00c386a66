import type Docker from 'dockerode'
import type { ContainerSpec } from '../executor.ts'
import { BridgeFilter } from '../network/bridge-filter.ts'
import { DEFAULT_LIMITS } from '../network/limits.ts'
import { statusOf } from './failures.ts'
import { LABEL, type Names } from './names.ts'
import type { DockerSettings } from './settings.ts'

/** Leases' own networks, and what they may reach. */
export class LeaseNetworks {
  private readonly docker: Docker
  private readonly names: Names
  private readonly filter: BridgeFilter | undefined
  /** Those that are being made, by name. */
  private readonly making = new Map<string, Promise<void>>()

  constructor(docker: Docker, names: Names, filter: BridgeFilter | undefined) {
    this.docker = docker
    this.names = names
    this.filter = filter
  }

  /** Makes a lease's where it isn't there yet. Returns its name. */
  async ensure({ lease, internet }: ContainerSpec): Promise<string> {
    const name = this.names.nameOf(lease, 'bridge')
    await this.filter?.admit(lease, internet !== false)
    // One that is being made is in no list yet, and keeps its bridge from others.
    const making = this.making.get(name) ?? this.make(lease, name).finally(() => this.making.delete(name))
    this.making.set(name, making)
    await making
    return name
  }

  private async make(lease: string, name: string): Promise<void> {
    const isThere = async () => {
      const networks = await this.docker.listNetworks({ filters: { name: [name] } })
      return networks.some((network) => network.Name === name)
    }
    if (await isThere()) return
    await this.docker
      .createNetwork({
        Name: name,
        Driver: 'bridge',
        CheckDuplicate: true,
        // Without a filter nothing is let out rather than everything.
        Internal: this.filter === undefined,
        Labels: this.names.labels(lease),
        ...(this.filter && { Options: { 'com.docker.network.bridge.name': this.filter.bridgeOf(lease) } }),
      })
      .catch(async (error) => {
        if (statusOf(error) !== 409 && !(await isThere())) throw error
      })
  }
}

/** The filter of the engine's bridges, or nothing where this process may not set one. */
export async function openFilter(
  docker: Docker,
  { scope, wayOut = DEFAULT_LIMITS }: DockerSettings,
  names: Names,
): Promise<BridgeFilter | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const filters = names.filters()
  const [networks, containers] = await Promise.all([
    docker.listNetworks({ filters }),
    docker.listContainers({ all: true, filters }),
  ])
  const own = [...networks, ...containers].flatMap(({ Labels }) => names.leaseOf(Labels) ?? [])
  const leases = new Map(own.map((lease) => [lease, true]))
  for (const { Labels } of containers) {
    const lease = names.leaseOf(Labels)
    if (lease !== undefined && Labels[`${LABEL}.internet`] === 'false') leases.set(lease, false)
  }
  return BridgeFilter.open(scope, wayOut === 'off' ? undefined : wayOut, leases).catch(() => undefined)
}
