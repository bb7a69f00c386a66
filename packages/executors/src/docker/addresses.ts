import { CloisterError } from '@cloister/core'
import type Docker from 'dockerode'
import type { Names } from './names.ts'
import { networkOwner } from './swarm-node.ts'

/** Addresses of containers, which are remembered until they may be others. */
export class Addresses {
  private readonly docker: Docker
  private readonly names: Names
  private readonly known = new Map<string, string>()

  constructor(docker: Docker, names: Names) {
    this.docker = docker
    this.names = names
  }

  /** Throws `not-running` where it has none. */
  async of(lease: string, name: string): Promise<string> {
    const key = `${lease}/${name}`
    const known = this.known.get(key)
    if (known) return known
    const { NetworkSettings, HostConfig } = await this.docker
      .getContainer(this.names.nameOf(lease, name))
      .inspect()
    const owner = networkOwner(HostConfig)
    const { Networks } = owner
      ? (await this.docker.getContainer(owner).inspect()).NetworkSettings
      : NetworkSettings
    // Where it has two, this machine is on the bridge.
    const address = (Networks[this.names.nameOf(lease, 'bridge')] ?? Object.values(Networks)[0])?.IPAddress
    if (!address) throw new CloisterError('not-running', `${name} has no address.`)
    this.known.set(key, address)
    return address
  }

  /** Those of a container, or of all of a lease. */
  forget(lease: string, name?: string): void {
    if (name !== undefined) this.known.delete(`${lease}/${name}`)
    else for (const key of this.known.keys()) if (key.startsWith(`${lease}/`)) this.known.delete(key)
  }
}
