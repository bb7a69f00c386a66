import { CloisterError, DEFAULT_CAPABILITIES } from '@cloister/core'
import type { ContainerSpec } from '../executor.ts'
import type { ObjectMeta, Pod, PodContainer, SecurityContext, Volume, VolumeMount } from './api-types.ts'
import { OWNER } from './lease-objects.ts'
import {
  claimName,
  containerLabels,
  FILES_FOLDER,
  LABEL,
  MAIN,
  nodeLabel,
  ORDER_FOLDER,
  ORDER_PATH,
  PREPARE,
  podName,
  STARTER_FOLDER,
  STARTER_PATH,
  serviceLabel,
} from './names.ts'
import { preparedPath, userOf, volumesOf } from './user.ts'

/** What a cluster gives containers, as its provider has it. */
export interface PodSettings {
  scope: string
  /** Name of a RuntimeClass; the cluster's own runtime if not given. */
  runtimeClass?: string | undefined
  /**
   * Name of a filter of system calls on every machine, below kubelet's folder; the runtime's if not given.
   */
  seccompProfile?: string | undefined
  /** What GPUs are called in the cluster, such as `nvidia.com/gpu`. */
  gpuResource: string
}

/** What else a pod is made of. */
export interface PodPlace {
  namespace: string
  /** Grows with each pod of a container. */
  instance: number
  /** What machines pull, by digest. */
  image: string
  /** Identity of the lease's object that pods belong to. */
  ownerUid: string
}

/** How long a machine may not answer before its pods are given up. */
export const UNREACHABLE_SECONDS = 30
/** For whoever ends a pod without asking the worker, such as a drain. */
const GRACE_SECONDS = 10
const ORDER_MIB = 16
/** Programs of ours may take so much of a container's disk and memory beside it. */
const LEAST_DISK_MIB = 64
const DEFAULT_SHM_MIB = 64
const MIB = 1024 * 1024

/**
 * The pod of a container. It tells the cluster what is needed to place and confine it, and nothing of what
 * its program is told: files, variables and arguments come as orders, over a connection, once it is there.
 * Throws `start-failed` for what a cluster can't have.
 */
export function podObject(spec: ContainerSpec, place: PodPlace, settings: PodSettings): Pod {
  checkNeeds(spec)
  const { scope } = settings
  const user = userOf(spec)
  const volumes: Volume[] = [
    { name: 'starter', configMap: { name: OWNER, defaultMode: 0o555 } },
    memoryVolume('order', ORDER_MIB),
    memoryVolume('files', filesMiB(spec)),
  ]
  const starter: VolumeMount = { name: 'starter', mountPath: STARTER_FOLDER, readOnly: true }
  const order: VolumeMount = { name: 'order', mountPath: ORDER_FOLDER }
  const prepareMounts: VolumeMount[] = [starter, order, { name: 'files', mountPath: FILES_FOLDER }]
  const mounts: VolumeMount[] = [starter, order]
  for (const [index, { path, writable }] of spec.files.entries())
    mounts.push({ name: 'files', mountPath: path, subPath: `f${index}`, readOnly: writable !== true })
  const tmpfs = [...spec.tmpfs, ...sharedMemory(spec)]
  for (const [index, { path, sizeMiB }] of tmpfs.entries()) {
    volumes.push(memoryVolume(`t${index}`, sizeMiB))
    mounts.push({ name: `t${index}`, mountPath: path })
    prepareMounts.push({ name: `t${index}`, mountPath: `/.cloister/t${index}` })
  }
  for (const volume of volumesOf(spec))
    volumes.push({ name: claimName(volume), persistentVolumeClaim: { claimName: claimName(volume) } })
  for (const { volume, path, readOnly } of spec.mounts)
    mounts.push({ name: claimName(volume), mountPath: path, readOnly })
  for (const [index, volume] of volumesOf(spec).entries())
    prepareMounts.push({ name: claimName(volume), mountPath: preparedPath(index) })
  const size = {
    cpu: `${spec.cpuMilli}m`,
    memory: String(spec.memoryMiB * MIB),
    'ephemeral-storage': String(Math.max(spec.leaseDiskMiB ?? 0, LEAST_DISK_MIB) * MIB),
    ...(spec.gpus > 0 && { [settings.gpuResource]: String(spec.gpus) }),
  }
  const resources = { limits: size, requests: { ...size, 'ephemeral-storage': String(LEAST_DISK_MIB * MIB) } }
  const isRoot = user === undefined ? spec.user === '' : user.uid === 0
  const main: PodContainer = {
    name: MAIN,
    image: place.image,
    imagePullPolicy: 'IfNotPresent',
    command: [STARTER_PATH, ORDER_PATH],
    resources,
    securityContext: {
      ...confinement(isRoot ? (spec.capabilities ?? DEFAULT_CAPABILITIES) : []),
      readOnlyRootFilesystem: spec.readOnlyRoot,
      ...(user && { runAsUser: user.uid, ...(user.gid !== undefined && { runAsGroup: user.gid }) }),
    },
    volumeMounts: mounts,
    tty: spec.terminal ?? false,
    stdin: spec.openStdin ?? false,
    terminationMessagePolicy: 'File',
  }
  const prepare: PodContainer = {
    name: PREPARE,
    image: place.image,
    imagePullPolicy: 'IfNotPresent',
    command: [STARTER_PATH],
    resources: { limits: withoutGpus(size), requests: withoutGpus(resources.requests) },
    securityContext: {
      // FSETID: folders of a volume that comes from elsewhere may hand their group on.
      ...confinement(['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID']),
      readOnlyRootFilesystem: true,
      runAsUser: 0,
      runAsGroup: 0,
    },
    volumeMounts: prepareMounts,
    stdin: true,
    stdinOnce: true,
  }
  return {
    metadata: {
      name: podName(spec.name, place.instance),
      namespace: place.namespace,
      labels: { ...containerLabels(scope, spec.lease, spec.name), ...serviceLabel(spec.service) },
      annotations: {
        [`${LABEL}/lease`]: spec.lease,
        [`${LABEL}/name`]: spec.name,
        [`${LABEL}/revision`]: spec.revision,
        [`${LABEL}/digest`]: spec.image.digest,
        [`${LABEL}/instance`]: String(place.instance),
        [`${LABEL}/size`]: `${spec.cpuMilli} ${spec.memoryMiB}`,
      },
      ownerReferences: owned(place.ownerUid),
    },
    spec: {
      initContainers: [prepare],
      containers: [main],
      volumes,
      hostname: hostnameOf(spec),
      hostAliases: Object.entries(spec.hosts ?? {}).map(([name, ip]) => ({ ip, hostnames: [name] })),
      ...placement(settings),
      securityContext: {
        ...placement(settings).securityContext,
        ...(spec.groups && { supplementalGroups: spec.groups.map(Number) }),
        ...(spec.sysctls && {
          sysctls: Object.entries(spec.sysctls).map(([name, value]) => ({ name, value })),
        }),
      },
    },
  }
}

/** Where a pod of a worker's may run, and what none of them is given. */
export function placement({ scope, seccompProfile, runtimeClass }: PodSettings) {
  return {
    // Who ends it decides whether it begins again, and with what: the worker, by the manifest.
    restartPolicy: 'Never' as const,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    terminationGracePeriodSeconds: GRACE_SECONDS,
    nodeSelector: {
      'kubernetes.io/os': 'linux',
      // The starter is a program for these processors.
      'kubernetes.io/arch': 'amd64',
      [nodeLabel(scope)]: 'true',
    },
    tolerations: ['unreachable', 'not-ready'].map((what) => ({
      key: `node.kubernetes.io/${what}`,
      operator: 'Exists',
      effect: 'NoExecute',
      tolerationSeconds: UNREACHABLE_SECONDS,
    })),
    securityContext: {
      seccompProfile:
        seccompProfile === undefined
          ? { type: 'RuntimeDefault' }
          : { type: 'Localhost', localhostProfile: seccompProfile },
    },
    ...(runtimeClass !== undefined && { runtimeClassName: runtimeClass }),
  }
}

/** The object that pods of a lease belong to. */
export function owned(uid: string): NonNullable<ObjectMeta['ownerReferences']> {
  return [
    { apiVersion: 'v1', kind: 'ConfigMap', name: OWNER, uid, controller: true, blockOwnerDeletion: false },
  ]
}

/** Throws `start-failed` for what clusters don't have. */
function checkNeeds({ name, agentFolder, user, image, groups = [], logs }: ContainerSpec): void {
  const wrong =
    agentFolder !== undefined
      ? "asks for the agent's socket, which a cluster's machines don't have"
      : userOf({ user }) === undefined && user !== image.user
        ? `runs as ${user}: a cluster takes users by number, or the image's own`
        : groups.some((group) => !/^\d{1,9}$/.test(group))
          ? `has the groups ${groups.join(', ')}: a cluster takes groups by number`
          : logs === false
            ? "keeps what it prints from everybody: a cluster's machines write it down"
            : undefined
  if (wrong !== undefined)
    throw new CloisterError('start-failed', `${name} ${wrong}.`, {
      hint: 'Change the manifest, or have it on a worker of one machine.',
    })
}

/** As the container's own, as far as a cluster's names go (RFC 1123 label). */
function hostnameOf({ hostname, name }: ContainerSpec): string {
  const plain = hostname
    .toLowerCase()
    .replace(/[^a-z0-9-]/g, '-')
    .slice(0, 63)
  return plain.replace(/^-+|-+$/g, '') || podName(name, 0)
}

export function confinement(capabilities: readonly string[]): SecurityContext {
  return {
    allowPrivilegeEscalation: false,
    privileged: false,
    capabilities: { drop: ['ALL'], ...(capabilities.length > 0 && { add: [...capabilities] }) },
  }
}

function memoryVolume(name: string, sizeMiB: number): Volume {
  return { name, emptyDir: { medium: 'Memory', sizeLimit: String(sizeMiB * MIB) } }
}

/** Runtimes give 64 MiB. */
function sharedMemory({ shmMiB = DEFAULT_SHM_MIB }: ContainerSpec): ContainerSpec['tmpfs'] {
  return shmMiB === DEFAULT_SHM_MIB ? [] : [{ path: '/dev/shm', sizeMiB: shmMiB }]
}

function filesMiB({ files, memoryMiB }: ContainerSpec): number {
  const bytes = files.reduce((sum, { content }) => sum + (Buffer.isBuffer(content) ? content.length : 0), 0)
  const hasOthers = files.some(({ content }) => !Buffer.isBuffer(content))
  return hasOthers ? memoryMiB : Math.ceil(bytes / MIB) + files.length + 1
}

function withoutGpus(size: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(size).filter(([name]) => /^(cpu|memory|ephemeral-storage)$/.test(name)),
  )
}
