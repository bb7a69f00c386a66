import type Docker from 'dockerode'

/** What a container is made with so that it has certain GPUs. */
export interface LentGpus {
  labels: Record<string, string>
  options: Pick<Docker.HostConfig, 'DeviceRequests'>
}

/**
 * Lends a machine's GPUs, none of them to two containers. An engine that is asked for a number of GPUs takes
 * the first ones, whoever has them already, so it is asked for certain ones: by index, in the order of the
 * machine's buses. A container says in a label which it has, also while it doesn't run.
 */
export class Gpus {
  private readonly docker: Pick<Docker, 'listContainers'>
  private readonly label: string
  private before: Promise<unknown> = Promise.resolve()

  constructor(docker: Pick<Docker, 'listContainers'>, label: string) {
    this.docker = docker
    this.label = label
  }

  /** Has a container made with `count` GPUs that no other has. Such containers are made one after another. */
  async lend<T>(count: number, make: (gpus: LentGpus) => Promise<T>): Promise<T> {
    if (count === 0) return make({ labels: {}, options: {} })
    const made = this.before.then(async () => {
      const ids = freeGpus(count, await this.held())
      return make({
        labels: { [this.label]: ids.join(',') },
        options: {
          DeviceRequests: [{ Driver: 'nvidia', DeviceIDs: ids.map(String), Capabilities: [['gpu']] }],
        },
      })
    })
    this.before = made.catch(() => {})
    return made
  }

  /** Indices that containers have, of whichever worker on this engine. */
  private async held(): Promise<Set<number>> {
    const containers = await this.docker.listContainers({ all: true, filters: { label: [this.label] } })
    return new Set(
      containers.flatMap(({ Labels }) => (Labels[this.label] ?? '').split(',').filter(Boolean).map(Number)),
    )
  }
}

/** The first indices that are not held. The engine refuses one that the machine doesn't have. */
function freeGpus(count: number, held: ReadonlySet<number>): number[] {
  const free: number[] = []
  for (let index = 0; free.length < count; index++) if (!held.has(index)) free.push(index)
  return free
}
