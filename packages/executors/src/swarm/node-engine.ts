import type { Readable } from 'node:stream'
import type { ContainerSpec, ContainerStatus, Executor, Image, Isolation } from '../executor.ts'

/** What is known of a container on a node. */
export interface NodeContainer extends ContainerStatus {
  /** The engine's id of the container whose network it shares. */
  networkOf?: string | undefined
}

/** What a machine of a Swarm says of itself. */
export interface NodeFacts {
  /** Swarm's id for it; undefined where its engine is part of no Swarm. */
  node: string | undefined
  /** Whether its kernel can encrypt what goes between nodes (IPsec). */
  canEncrypt: boolean
}

/** The engine of one machine of a Swarm, with what an executor does with the containers that run on it. */
export interface NodeEngine
  extends Pick<
    Executor,
    | 'leases'
    | 'restart'
    | 'stop'
    | 'remove'
    | 'keepVolumes'
    | 'volumes'
    | 'readVolume'
    | 'wait'
    | 'logs'
    | 'exec'
    | 'usage'
    | 'traffic'
    | 'diskUsage'
    | 'connect'
    | 'datagrams'
    | 'halt'
    | 'destroy'
    | 'close'
  > {
  facts(): Promise<NodeFacts>
  containers(lease: string): Promise<NodeContainer[]>
  /**
   * As an executor's `start`, in the network of a container that runs already, `task`, which gets a way out
   * where the lease has one. Throws `start-failed`.
   */
  startIn(spec: ContainerSpec, task: string): Promise<void>
  /** Removes a lease's containers that share the network of `task`. */
  removeIn(lease: string, task: string): Promise<void>
  hasImage(image: Image): Promise<boolean>
  /** Brings an image in that another engine exported. Throws `image-unavailable`. */
  importImage(archive: Readable): Promise<void>
}

/** An engine that images come from, which every other one is given. */
export interface ImageEngine extends NodeEngine {
  readonly isolation: Isolation
  pull: Executor['pull']
  exportImage(image: Image): Promise<Readable>
}
