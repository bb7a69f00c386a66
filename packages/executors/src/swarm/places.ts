import { createHash } from 'node:crypto'
import { CloisterError, messageOf } from '@cloister/core'
import type Docker from 'dockerode'
import { ignoring, statusOf } from '../docker/failures.ts'
import { limitsOf } from '../docker/size.ts'
import type { ContainerSpec } from '../executor.ts'
import { PAUSE_IMAGE } from './pause-image.ts'

const LABEL = 'network.cloister'
/** Nodes whose label says this may be given containers. */
const COVERED = 'covered'
const TRIES = 60
const PAUSE_MS = 250

/** Where a container of a lease is to run: a Swarm service of one task, which waits. */
export interface Place {
  lease: string
  name: string
  service: string
  /** Tells it from a place that is made otherwise. */
  shape: string
  task: Task | undefined
  /** Why Swarm runs no task of it, as it says. */
  trouble: string | undefined
}

/** A task that runs. */
export interface Task {
  /** The engine's id of its container. */
  container: string
  /** Swarm's id of the machine. */
  node: string
}

/** A machine of the Swarm, as Swarm has it. */
export interface SwarmNode {
  id: string
  hostname: string
  isManager: boolean
  /** It answers Swarm, and is given tasks. */
  isUp: boolean
  isLabelled: boolean
  cpuMilli: number
  memoryMiB: number
}

interface ApiTask {
  ServiceID: string
  NodeID?: string
  DesiredState: string
  Spec: { Resources?: { Reservations?: { NanoCPUs?: number; MemoryBytes?: number } } }
  Status: { State: string; Err?: string; Message?: string; ContainerStatus?: { ContainerID?: string } }
}

interface ApiService {
  ID: string
  Spec: { Labels?: Record<string, string> }
}

interface ApiNode {
  ID: string
  Version: { Index: number }
  Spec: { Labels?: Record<string, string>; Role: string; Availability: string }
  Description: { Hostname: string; Resources: { NanoCPUs: number; MemoryBytes: number } }
  Status: { State: string }
}

/**
 * What a worker keeps in a Swarm's store: a network for each lease, a service of one waiting task for each
 * container, where volumes are. Nothing of what a tenant's programs are told is in there.
 */
export class Places {
  private readonly docker: Docker
  private readonly scope: string
  private readonly encrypted: boolean

  constructor(docker: Docker, { scope, encrypted }: { scope: string; encrypted: boolean }) {
    this.docker = docker
    this.scope = scope
    this.encrypted = encrypted
  }

  /** All places of the worker's. */
  async all(): Promise<Place[]> {
    const services = (await this.docker.listServices({ filters: this.filters() })) as ApiService[]
    const tasks = (await this.docker.listTasks({
      filters: JSON.stringify({ 'desired-state': ['running'] }),
    })) as ApiTask[]
    return services.flatMap(({ ID, Spec: { Labels = {} } }) => {
      const [lease, name] = [Labels[`${LABEL}.lease`], Labels[`${LABEL}.name`]]
      if (lease === undefined || name === undefined) return []
      const own = tasks.filter(({ ServiceID }) => ServiceID === ID)
      const running = own.find(({ Status, NodeID }) => Status.State === 'running' && NodeID !== undefined)
      const container = running?.Status.ContainerStatus?.ContainerID
      const task = container && running?.NodeID ? { container, node: running.NodeID } : undefined
      const trouble = own.map(({ Status }) => Status.Err || Status.Message).find(Boolean)
      return [{ lease, name, service: ID, shape: Labels[`${LABEL}.shape`] ?? '', task, trouble }]
    })
  }

  /** How a container's place has to be made. `node`: where it has to be, if that is not for Swarm to say. */
  shapeOf(
    { cpuMilli, memoryMiB, service, aliases, hostname, hosts, sysctls }: ContainerSpec,
    node?: string,
  ): string {
    const shape = [cpuMilli, memoryMiB, service, aliases, hostname, hosts, sysctls, node, PAUSE_IMAGE]
    return createHash('sha256').update(JSON.stringify(shape)).digest('hex').slice(0, 16)
  }

  /** Makes the place of a container. Throws `engine-failed`. */
  async make(spec: ContainerSpec, node: string | undefined): Promise<void> {
    const network = await this.ensureNetwork(spec.lease)
    const { Memory, NanoCpus } = limitsOf(spec)
    const size = { NanoCPUs: NanoCpus, MemoryBytes: Memory }
    const aliases = Object.entries(spec.aliases ?? {}).filter(([, service]) => service === spec.service)
    await failing(
      this.docker.createService({
        Name: this.nameOf(spec.lease, spec.name),
        Labels: {
          ...this.labels(spec.lease),
          [`${LABEL}.name`]: spec.name,
          [`${LABEL}.shape`]: this.shapeOf(spec, node),
        },
        TaskTemplate: {
          ContainerSpec: {
            Image: PAUSE_IMAGE,
            Hostname: spec.hostname,
            Hosts: Object.entries(spec.hosts ?? {}).map(([name, address]) => `${address} ${name}`),
            Sysctls: { 'net.ipv4.ip_unprivileged_port_start': '0', ...spec.sysctls },
            Labels: this.labels(spec.lease),
            StopSignal: 'SIGKILL',
            Init: false,
          },
          Resources: { Limits: size, Reservations: size },
          RestartPolicy: { Condition: 'any', Delay: 1_000_000_000 },
          Placement: {
            Constraints: [
              `node.labels.${this.nodeLabel} == ${COVERED}`,
              ...(node === undefined ? [] : [`node.id == ${node}`]),
            ],
          },
          Networks: [{ Target: network, Aliases: [spec.service, ...aliases.map(([alias]) => alias)] }],
        },
        Mode: { Replicated: { Replicas: 1 } },
        // Without a virtual address, which kernels without IPVS don't have.
        EndpointSpec: { Mode: 'dnsrr' },
      } as Docker.CreateServiceOptions),
    )
  }

  /** Takes a place away; Swarm ends its task soon. */
  async remove({ service }: Pick<Place, 'service'>): Promise<void> {
    await ignoring([404], this.docker.getService(service).remove())
  }

  /** Leases of which anything is there. */
  async leases(): Promise<string[]> {
    const [networks, homes] = await Promise.all([
      this.docker.listNetworks({ filters: this.filters() }),
      this.volumeHomes(),
    ])
    const own = networks.filter(({ Driver }) => Driver === 'overlay')
    const named = own.flatMap(({ Labels }) => Labels?.[`${LABEL}.lease`] ?? [])
    return [...new Set([...named, ...[...homes.values()].flat()])]
  }

  /** Takes away what is there of a lease, whose containers are gone. Throws `engine-failed`. */
  async forget(lease: string): Promise<void> {
    for (const place of await this.all()) if (place.lease === lease) await this.remove(place)
    // Its types say that it gives nothing to wait for.
    for (const config of await this.volumeRecords(lease))
      await ignoring([404], this.docker.getConfig(config.ID).remove() as unknown as Promise<unknown>)
    const networks = await this.docker.listNetworks({ filters: this.filters() })
    for (const network of networks)
      if (network.Driver === 'overlay' && network.Labels?.[`${LABEL}.lease`] === lease)
        await this.removeNetwork(network.Id)
  }

  /** The machine that has a lease's volume, by the name of the volume. */
  async volumesOf(lease: string): Promise<Map<string, string>> {
    const records = await this.volumeRecords(lease)
    return new Map(
      records.map(({ Spec: { Labels } }) => [Labels[`${LABEL}.volume`] ?? '', Labels[`${LABEL}.node`] ?? '']),
    )
  }

  /** Leases that have volumes on a machine, by Swarm's id of it. */
  async volumeHomes(): Promise<Map<string, string[]>> {
    const homes = new Map<string, string[]>()
    for (const { Spec } of await this.volumeRecords()) {
      const [lease = '', node = ''] = [Spec.Labels[`${LABEL}.lease`], Spec.Labels[`${LABEL}.node`]]
      homes.set(node, [...new Set([...(homes.get(node) ?? []), lease])])
    }
    return homes
  }

  /** Remembers, before it is made, where a volume is. */
  async noteVolume(lease: string, volume: string, node: string): Promise<void> {
    const name = `${this.nameOf(lease, 'v')}-${createHash('sha256').update(volume).digest('hex').slice(0, 12)}`
    const labels = { ...this.labels(lease), [`${LABEL}.volume`]: volume, [`${LABEL}.node`]: node }
    await ignoring(
      [409],
      this.docker.createConfig({
        Name: name,
        Labels: labels,
        Data: Buffer.from('volume').toString('base64'),
      } as never),
    )
  }

  async nodes(): Promise<SwarmNode[]> {
    const nodes = (await this.docker.listNodes()) as unknown as ApiNode[]
    return nodes.map(({ ID, Spec, Description, Status }) => ({
      id: ID,
      hostname: Description.Hostname,
      isManager: Spec.Role === 'manager',
      isUp: Status.State === 'ready' && Spec.Availability === 'active',
      isLabelled: Spec.Labels?.[this.nodeLabel] === COVERED,
      cpuMilli: Math.round(Description.Resources.NanoCPUs / 1e6),
      memoryMiB: Math.floor(Description.Resources.MemoryBytes / 1024 ** 2),
    }))
  }

  /** What is free on each machine that may be given containers. */
  async free(): Promise<{ cpuMilli: number; memoryMiB: number }[]> {
    const nodes = (await this.nodes()).filter(({ isUp, isLabelled }) => isUp && isLabelled)
    const tasks = (await this.docker.listTasks({
      filters: JSON.stringify({ 'desired-state': ['running'] }),
    })) as ApiTask[]
    return nodes.map(({ id, cpuMilli, memoryMiB }) => {
      const taken = tasks
        .filter(({ NodeID }) => NodeID === id)
        .map(({ Spec }) => Spec.Resources?.Reservations)
      const sum = (key: 'NanoCPUs' | 'MemoryBytes') => taken.reduce((all, one) => all + (one?.[key] ?? 0), 0)
      return {
        cpuMilli: cpuMilli - Math.ceil(sum('NanoCPUs') / 1e6),
        memoryMiB: memoryMiB - Math.ceil(sum('MemoryBytes') / 1024 ** 2),
      }
    })
  }

  /** Lets a machine have containers, or ends those that it has: Swarm moves them. */
  async label(id: string, isCovered: boolean): Promise<void> {
    const node = this.docker.getNode(id)
    const { Version, Spec } = (await node.inspect()) as ApiNode
    const { [this.nodeLabel]: _, ...labels } = Spec.Labels ?? {}
    const Labels = isCovered ? { ...labels, [this.nodeLabel]: COVERED } : labels
    const change = node.update({ version: Version.Index, ...Spec, Labels } as never)
    // Its types say that it gives nothing to wait for.
    await failing(change as unknown as Promise<unknown>)
  }

  private get nodeLabel(): string {
    return `${LABEL}.${this.scope}`
  }

  /** All of them, where no lease is named. */
  private async volumeRecords(
    lease?: string,
  ): Promise<{ ID: string; Spec: { Labels: Record<string, string> } }[]> {
    const all = (await this.docker.listConfigs({ filters: this.filters() })) as unknown as {
      ID: string
      Spec: { Labels: Record<string, string> }
    }[]
    return all.filter(({ Spec }) => lease === undefined || Spec.Labels[`${LABEL}.lease`] === lease)
  }

  private async ensureNetwork(lease: string): Promise<string> {
    const Name = this.nameOf(lease, 'overlay')
    const find = async () =>
      (await this.docker.listNetworks({ filters: { name: [Name] } })).find((one) => one.Name === Name)?.Id
    const found = await find()
    if (found !== undefined) return found
    const made = this.docker.createNetwork({
      Name,
      Driver: 'overlay',
      CheckDuplicate: true,
      // It leads nowhere else: the way out is another network's.
      Internal: true,
      Attachable: false,
      Labels: this.labels(lease),
      Options: this.encrypted ? { encrypted: '' } : {},
    })
    return made.then(
      ({ id }) => id,
      async (error) => {
        // Another of the lease's containers, which starts at the same time, was faster.
        const other = await find()
        if (other === undefined) throw failed(error)
        return other
      },
    )
  }

  /** Tasks that are ending have it for a while yet. */
  private async removeNetwork(id: string): Promise<void> {
    for (let tries = 1; ; tries++) {
      const error = await this.docker
        .getNetwork(id)
        .remove()
        .then(
          () => undefined,
          (cause: unknown) => cause,
        )
      if (error === undefined || statusOf(error) === 404) return
      if (tries > TRIES) throw failed(error)
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
    }
  }

  private labels(lease: string): Record<string, string> {
    return { [`${LABEL}.scope`]: this.scope, [`${LABEL}.lease`]: lease }
  }

  private filters(): { label: string[] } {
    return { label: [`${LABEL}.scope=${this.scope}`] }
  }

  /** At most 63 characters, which is all that Swarm takes. */
  private nameOf(lease: string, part: string): string {
    const hash = (text: string, length: number) =>
      createHash('sha256').update(text).digest('hex').slice(0, length)
    const short = part.length > 12 ? `${part.slice(0, 6).replace(/[^a-z0-9]+$/i, '')}-${hash(part, 6)}` : part
    return `cloister-${this.scope}-${hash(lease, 16)}-${short.replace(/[^a-zA-Z0-9-]/g, '-')}`
  }
}

async function failing<T>(work: Promise<T>): Promise<T> {
  return work.catch((error) => {
    throw failed(error)
  })
}

function failed(cause: unknown): CloisterError {
  return new CloisterError('engine-failed', `Docker Swarm says: ${messageOf(cause)}.`, { cause })
}
