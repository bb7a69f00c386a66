import { basename } from 'node:path'
import {
  canonicalHash,
  type HealthCheck,
  healthCheckOf,
  hostLabel,
  type Manifest,
  type Service,
} from '@cloister/core'
import { type ContainerSpec, type Image, type VolumeContent, volumeOfArchive } from '@cloister/executors'
import type { Envelope } from '@cloister/secrets'
import type { Hex } from 'viem'
import type { Accepted } from '../store.ts'
import { imageVolumes } from './image-volumes.ts'
import { publicUrls } from './public-urls.ts'

/** One container of a lease and the service it is a copy of. */
export interface PlannedContainer {
  /** Without the values of sealed secrets. */
  spec: ContainerSpec
  /** The manifest that asks for it. */
  manifestHash: Hex
  service: Service
  /** The manifest's check, or its image's. */
  health: HealthCheck | undefined
  /** Where those are, for a service that takes any. */
  envelope: Envelope | undefined
}

/** Where a lease's containers run. */
export interface LeasePlace {
  /** Where the agent's socket for the manifest lies. */
  agentFolder: string
  /** Where a blob that the tenant sent lies. */
  fileOf: (digest: string) => string
  /** What a volume begins with that was staged for the lease. */
  stagedOf: (volume: string) => VolumeContent | undefined
  /** The network's gateway. */
  gatewayUrl: string
}

/**
 * The containers a manifest asks for, in the order of the manifest, dependencies left to whoever starts
 * them.
 */
export function planContainers(
  lease: Hex,
  { hash, manifest, images, envelope }: Accepted,
  place: LeasePlace,
): PlannedContainer[] {
  const { agentFolder, fileOf, stagedOf, gatewayUrl } = place
  const peers = Object.keys(manifest.services)
  const volumes = sentVolumes(manifest, fileOf)
  const aliases = Object.fromEntries(
    Object.entries(manifest.services).flatMap(([name, service]) =>
      (service.aliases ?? []).map((alias) => [alias, name]),
    ),
  )
  const shared = {
    peers,
    ...(Object.keys(aliases).length > 0 && { aliases }),
    ...(manifest.internet === false && { internet: false as const }),
  }
  return Object.entries(manifest.services).flatMap(([name, service]) => {
    const image = images[service.image]
    if (!image) throw new Error(`no image ${service.image}`)
    const urls = publicUrls(lease, manifest, name, gatewayUrl)
    return Array.from({ length: service.count }, (_, replica) => {
      const own = containerOf({ lease, name, replica, service, image, volumes, fileOf, stagedOf, urls })
      const spec = { ...own, ...shared, ...(service.agentSocket && { agentFolder }) }
      const sealed = service.sealed ? envelope : undefined
      const health = healthCheckOf(service.health, image.health)
      const revised = { ...spec, revision: revisionOf(spec, service, sealed) }
      return { service, health, manifestHash: hash, spec: revised, envelope: sealed }
    })
  })
}

interface ContainerParts {
  lease: Hex
  name: string
  replica: number
  service: Service
  image: Image
  volumes: SentVolumes
  fileOf: (digest: string) => string
  stagedOf: LeasePlace['stagedOf']
  /** Variables that say where it is reached. */
  urls: Record<string, string>
}

/** Volumes that begin with what the tenant sent: as which volume of the engine's, and with which archive. */
type SentVolumes = Map<string, { volume: string; from: string }>

/**
 * One that nobody writes to is another for another archive, so that it is always as the manifest says; one
 * that is written to stays, with what was written.
 */
function sentVolumes({ services, volumes }: Manifest, fileOf: (digest: string) => string): SentVolumes {
  const mounts = Object.values(services).flatMap((service) => service.mounts)
  const isWritten = (name: string) => mounts.some(({ volume, readOnly }) => volume === name && !readOnly)
  return new Map(
    Object.entries(volumes).flatMap(([name, { from }]) => {
      if (!from) return []
      const volume = isWritten(name) ? name : volumeOfArchive(name, from.digest)
      return [[name, { volume, from: fileOf(from.digest) }]]
    }),
  )
}

function containerOf(
  parts: ContainerParts,
): Omit<ContainerSpec, 'revision' | 'peers' | 'aliases' | 'internet'> {
  const { lease, name, replica, service, image, volumes, fileOf, stagedOf, urls } = parts
  // As Docker does: an entrypoint of one's own drops the image's command.
  const command = service.command ?? (service.entrypoint ? [] : image.command)
  const container = `${name}-${replica}`
  return {
    lease,
    name: container,
    service: name,
    image,
    argv: [...(service.entrypoint ?? image.entrypoint), ...command],
    env: {
      ...image.env,
      CLOISTER_LEASE: lease,
      CLOISTER_SERVICE: name,
      CLOISTER_REPLICA: String(replica),
      ...urls,
      ...service.env,
    },
    workingDir: service.workingDir ?? (image.workingDir || '/'),
    user: service.user ?? image.user,
    hostname: service.hostname ?? hostLabel(container),
    mounts: [
      ...service.mounts.map((mount) => ({ ...mount, ...volumes.get(mount.volume) })),
      ...imageVolumes(container, image, service),
    ].map((mount) => {
      const staged = stagedOf(mount.volume)
      return staged === undefined ? mount : { ...mount, from: staged }
    }),
    tmpfs: service.tmpfs,
    files: service.files.map((file) => ({
      path: file.path,
      content: 'blob' in file ? { file: fileOf(file.blob.digest) } : Buffer.from(file.content, 'base64'),
      mode: file.mode,
      uid: file.uid,
      gid: file.gid,
      ...(file.writable && { writable: file.writable }),
    })),
    cpuMilli: service.resources.cpuMilli,
    memoryMiB: service.resources.memoryMiB,
    maxProcesses: service.maxProcesses,
    gpus: service.resources.gpu?.count ?? 0,
    ulimits: service.ulimits,
    readOnlyRoot: service.readOnlyRoot,
    stopSignal: service.stopSignal ?? image.stopSignal ?? 'SIGTERM',
    ...(service.groups && { groups: service.groups }),
    ...(service.shmMiB !== undefined && { shmMiB: service.shmMiB }),
    ...(service.capabilities && { capabilities: service.capabilities }),
    ...(service.sysctls && { sysctls: service.sysctls }),
    ...(service.hosts && { hosts: service.hosts }),
    ...(service.init && { init: service.init }),
    ...(service.terminal && { terminal: service.terminal }),
    ...(service.openStdin && { openStdin: service.openStdin }),
    ...(service.logs === false && { logs: service.logs }),
  }
}

/**
 * CPUs and memory are no part of it: they are given to what runs, where that can be. What was started under
 * `exec: false` is not carried over to a manifest that lets
 * people in.
 */
function revisionOf(
  { files, mounts, cpuMilli: _cpu, memoryMiB: _memory, ...spec }: Omit<ContainerSpec, 'revision'>,
  { exec, schedule }: Service,
  envelope: Envelope | undefined,
): string {
  const encoded = files.map(({ content, ...file }) => ({
    ...file,
    content: Buffer.isBuffer(content) ? content.toString('base64') : { digest: basename(content.file) },
  }))
  // What a volume began with changes nothing once it is there.
  const mounted = mounts.map(({ from: _, ...mount }) => mount)
  return canonicalHash({
    ...spec,
    mounts: mounted,
    files: encoded,
    ...(exec === false && { exec }),
    ...(schedule !== undefined && { schedule }),
    ...(envelope && { sealed: canonicalHash(envelope) }),
  })
}
