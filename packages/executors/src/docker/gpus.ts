import { CloisterError } from '@cloister/core'
import type Docker from 'dockerode'

/** A GPU of the machine: its place in the order of the buses, and NVIDIA's own name of it, `GPU-…`. */
export interface LendableGpu {
  index: number
  uuid: string
}

/** What a container is made with so that it has certain GPUs. */
export interface LentGpus {
  labels: Record<string, string>
  options: Pick<Docker.HostConfig, 'DeviceRequests'>
}

/**
 * Lends a machine's GPUs, none of them to two containers. An engine that is asked for a number of GPUs takes
 * the first ones, whoever has them already, so it is asked for certain ones: by UUID those it is told of, so
 * that a machine with several kinds lends the right ones, else by index, in the order of the machine's buses.
 * A container says in a label which it has, also while it doesn't run.
 */
export class Gpus {
  private readonly docker: Pick<Docker, 'listContainers'>
  private readonly label: string
  private readonly lendable: readonly LendableGpu[] | undefined
  private before: Promise<unknown> = Promise.resolve()

  constructor(
    docker: Pick<Docker, 'listContainers'>,
    label: string,
    lendable?: readonly LendableGpu[] | undefined,
  ) {
    this.docker = docker
    this.label = label
    this.lendable = lendable
  }

  /**
   * Has a container made with `count` GPUs that no other has. Such containers are made one after another.
   * Throws `start-failed` where too few are free, which the chain's reckoning of room prevents unless
   * somebody else uses this engine.
   */
  async lend<T>(count: number, make: (gpus: LentGpus) => Promise<T>): Promise<T> {
    if (count === 0) return make({ labels: {}, options: {} })
    const made = this.before.then(async () => {
      const held = await this.held()
      const ids = this.lendable ? freeOf(this.lendable, count, held) : freeIndices(count, held)
      return make({
        labels: { [this.label]: ids.join(',') },
        options: {
          DeviceRequests: [{ Driver: 'nvidia', DeviceIDs: ids, Capabilities: [['gpu']] }],
        },
      })
    })
    this.before = made.catch(() => {})
    return made
  }

  /** UUIDs and indices that containers have, of whichever worker on this engine. */
  private async held(): Promise<Set<string>> {
    const containers = await this.docker.listContainers({ all: true, filters: { label: [this.label] } })
    return new Set(containers.flatMap(({ Labels }) => (Labels[this.label] ?? '').split(',').filter(Boolean)))
  }
}

/** The first UUIDs that are not held, by themselves or by their index. */
function freeOf(lendable: readonly LendableGpu[], count: number, held: ReadonlySet<string>): string[] {
  const free = lendable.filter(({ index, uuid }) => !held.has(uuid) && !held.has(String(index)))
  if (free.length < count)
    throw new CloisterError(
      'start-failed',
      `${count} GPUs are needed, and ${free.length} of the ${lendable.length} that are lent here are free.`,
    )
  return free.slice(0, count).map(({ uuid }) => uuid)
}

/** The first indices that are not held. The engine refuses one that the machine doesn't have. */
function freeIndices(count: number, held: ReadonlySet<string>): string[] {
  const free: string[] = []
  for (let index = 0; free.length < count; index++) if (!held.has(String(index))) free.push(String(index))
  return free
}
