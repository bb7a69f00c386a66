import { DEFAULT_CAPABILITIES } from '@cloister/core'
import type Docker from 'dockerode'
import type { ContainerSpec } from '../executor.ts'
import { maskedPaths, seccompOption } from './confinement.ts'
import { logConfig } from './container-log.ts'
import type { LentGpus } from './gpus.ts'
import { LABEL, type Names } from './names.ts'
import { limitsOf } from './size.ts'
import { ulimitsOf } from './ulimits.ts'

/** What of an engine decides how containers are made. */
interface Maker {
  podman: boolean
  initProcess: boolean
  /** For files that engines read. */
  folder: string
}

/** What a container is made with that isn't in its specification. */
interface Given {
  image: string
  binds: readonly string[]
  network: string
  /** The container whose network it has, in place of one of its own. */
  task: string | undefined
  workingDir: string
  gpus: LentGpus
}

/** A container as Docker's interface takes it. */
export async function createOptions(
  spec: ContainerSpec,
  { podman, initProcess, folder }: Maker,
  names: Names,
  { image, binds, network, task, workingDir, gpus }: Given,
): Promise<Docker.ContainerCreateOptions> {
  const masked = maskedPaths(podman)
  return {
    name: names.nameOf(spec.lease, spec.name),
    Image: image,
    Entrypoint: spec.argv.slice(0, 1),
    Cmd: spec.argv.slice(1),
    Env: Object.entries(spec.env).map(([name, value]) => `${name}=${value}`),
    WorkingDir: workingDir,
    User: spec.user,
    // Names are those of whose network it has.
    ...(task === undefined && { Hostname: spec.hostname }),
    StopSignal: spec.stopSignal,
    Tty: spec.terminal ?? false,
    OpenStdin: spec.openStdin ?? false,
    Labels: {
      ...names.labels(spec.lease),
      [`${LABEL}.name`]: spec.name,
      [`${LABEL}.revision`]: spec.revision,
      [`${LABEL}.digest`]: spec.image.digest,
      [`${LABEL}.internet`]: String(spec.internet !== false),
      ...gpus.labels,
    },
    HostConfig: {
      NetworkMode: task === undefined ? network : `container:${task}`,
      Binds: [
        ...binds,
        ...spec.mounts.map(
          (m) =>
            `${names.nameOf(spec.lease, m.volume)}:${m.path}:${m.readOnly ? 'ro' : 'rw'}${m.noCopy || m.from !== undefined ? ',nocopy' : ''}`,
        ),
      ],
      Tmpfs: Object.fromEntries(spec.tmpfs.map((mount) => [mount.path, tmpfsOptions(mount)])),
      ...(spec.shmMiB !== undefined && { ShmSize: spec.shmMiB * 1024 * 1024 }),
      ...(spec.groups && { GroupAdd: spec.groups }),
      ...(spec.hosts &&
        task === undefined && {
          ExtraHosts: Object.entries(spec.hosts).map(([name, address]) => `${name}:${address}`),
        }),
      ...limitsOf(spec),
      PidsLimit: spec.maxProcesses,
      CapDrop: ['ALL'],
      // Podman would make added capabilities effective for other users too.
      CapAdd: /^(0|root)?(:|$)/.test(spec.user) ? [...(spec.capabilities ?? DEFAULT_CAPABILITIES)] : [],
      ...(task === undefined && {
        Sysctls: { 'net.ipv4.ip_unprivileged_port_start': '0', ...spec.sysctls },
      }),
      SecurityOpt: ['no-new-privileges', await seccompOption(podman, folder), ...masked.option],
      ...(masked.MaskedPaths && { MaskedPaths: masked.MaskedPaths }),
      ReadonlyRootfs: spec.readOnlyRoot,
      ...(spec.init && initProcess && { Init: true }),
      Ulimits: ulimitsOf(spec),
      RestartPolicy: { Name: 'no' },
      ...gpus.options,
      LogConfig: logConfig(spec, podman),
    },
    ...(task === undefined && {
      NetworkingConfig: {
        EndpointsConfig: { [network]: { Aliases: [spec.service, ...aliasesOf(spec)] } },
      },
    }),
  }
}

function tmpfsOptions({ sizeMiB, mode = 0o1777, uid, gid }: ContainerSpec['tmpfs'][number]): string {
  const owner = `${uid === undefined ? '' : `,uid=${uid}`}${gid === undefined ? '' : `,gid=${gid}`}`
  return `rw,nosuid,nodev,size=${sizeMiB}m,mode=${mode.toString(8)}${owner}`
}

function aliasesOf({ service, aliases = {} }: ContainerSpec): string[] {
  return Object.keys(aliases).filter((alias) => aliases[alias] === service)
}
