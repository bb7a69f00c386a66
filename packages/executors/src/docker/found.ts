import type Docker from 'dockerode'
import type { Names } from './names.ts'

/** What an engine has of a worker's leases. */
export class Found {
  private readonly docker: Docker
  private readonly names: Names

  constructor(docker: Docker, names: Names) {
    this.docker = docker
    this.names = names
  }

  /** Leases that anything is of. */
  async leases(): Promise<string[]> {
    const filters = this.names.filters()
    const [containers, networks, volumes] = await Promise.all([
      this.docker.listContainers({ all: true, filters }),
      this.docker.listNetworks({ filters }),
      this.docker.listVolumes({ filters }),
    ])
    const all = [...containers, ...networks, ...(volumes.Volumes ?? [])].map((item) =>
      this.names.leaseOf(item.Labels),
    )
    return [...new Set(all.filter((lease) => lease !== undefined))]
  }

  async containersOf(lease: string): Promise<Docker.ContainerInfo[]> {
    const found = await this.docker.listContainers({ all: true, filters: this.names.filters() })
    return found.filter(({ Labels }) => this.names.leaseOf(Labels) === lease)
  }

  /** Containers whose program runs. */
  async running(lease: string): Promise<Docker.ContainerInspectInfo[]> {
    const found = await this.containersOf(lease)
    const inspected = found.map(({ Id }) =>
      this.docker
        .getContainer(Id)
        .inspect()
        .catch(() => undefined),
    )
    const all = (await Promise.all(inspected)).filter((one) => one !== undefined)
    return all.filter(({ State }) => State.Running && State.Pid > 0)
  }

  async volumesOf(lease: string): Promise<Docker.VolumeInspectInfo[]> {
    const { Volumes } = await this.docker.listVolumes({ filters: this.names.filters() })
    return (Volumes ?? []).filter(({ Labels }) => this.names.leaseOf(Labels) === lease)
  }

  async networksOf(lease: string): Promise<Docker.NetworkInspectInfo[]> {
    const found = await this.docker.listNetworks({ filters: this.names.filters() })
    return found.filter(({ Labels }) => this.names.leaseOf(Labels) === lease)
  }
}
