import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { type Build, CloisterError } from '@cloister/core'
import type { Builder, BuilderName } from './builder.ts'

/** Where a build happens. */
export interface BuildPlace {
  /** Paths of the build are relative to it. */
  folder: string
  /** A folder of the build's own. */
  work: string
  /** Seconds since 1970 that stand for every time in the image. */
  epoch: number
}

/** A path of a build on this machine; URLs and images stay as they are. */
export function pathIn(folder: string, path: string): string {
  if (/^[a-z][a-z+.-]*:\/\/|^git@|^github\.com\/|^(?:docker-image|oci-layout|container-image):/.test(path))
    return path
  if (path === '~' || path.startsWith('~/')) return join(homedir(), path.slice(1))
  return isAbsolute(path) ? path : join(folder, path)
}

/** The build's Dockerfile as its program is told of it; undefined for the context's own. */
export function dockerfileOf(build: Build, { folder, work }: BuildPlace): string | undefined {
  if (build.dockerfileInline !== undefined) return join(work, 'Dockerfile')
  if (build.dockerfile === undefined) return undefined
  const context = pathIn(folder, build.context)
  return /:\/\/|^git@|^github\.com\//.test(context) ? build.dockerfile : pathIn(context, build.dockerfile)
}

/** The command that builds. It writes the image's name to `iidfile`, or the image itself to `archive`. */
export function buildCommand(
  { name, isReproducible }: Builder,
  build: Build,
  place: BuildPlace,
  { iidfile, archive }: { iidfile: string; archive: string },
): string[] {
  requireKnown(name, build)
  const how: Record<BuilderName, string[]> = {
    buildx: [
      ...['docker', 'buildx', 'build', '--progress=plain', '--platform=linux/amd64'],
      ...['--provenance=false', '--sbom=false', `--build-arg=SOURCE_DATE_EPOCH=${place.epoch}`],
      ...(isReproducible
        ? [`--output=type=oci,rewrite-timestamp=true,dest=${archive}`]
        : ['--load', `--iidfile=${iidfile}`]),
      ...build.entitlements.map((one) => `--allow=${one}`),
    ],
    docker: ['docker', 'build', `--iidfile=${iidfile}`, ...forOthers()],
    // Docker's form keeps health checks, which OCI's has no room for.
    podman: [
      'podman',
      'build',
      '--format=docker',
      `--timestamp=${place.epoch}`,
      `--iidfile=${iidfile}`,
      ...forOthers(),
    ],
    buildah: [
      'buildah',
      'build',
      '--format=docker',
      `--timestamp=${place.epoch}`,
      `--iidfile=${iidfile}`,
      ...forOthers(),
    ],
  }
  const file = dockerfileOf(build, place)
  return [
    ...how[name],
    ...(file === undefined ? [] : [`--file=${file}`]),
    ...Object.entries(build.args).map(([key, value]) => `--build-arg=${key}=${value}`),
    ...Object.entries(build.labels).map(([key, value]) => `--label=${key}=${value}`),
    ...(build.target === undefined ? [] : [`--target=${build.target}`]),
    ...(build.network === undefined ? [] : [`--network=${build.network}`]),
    ...(build.shmMiB === undefined ? [] : [`--shm-size=${build.shmMiB}m`]),
    ...build.extraHosts.map((host) => `--add-host=${host}`),
    ...build.ulimits.map((limit) => `--ulimit=${limit}`),
    ...build.ssh.map((one) => `--ssh=${one}`),
    ...build.secrets.map(
      ({ id, file: from, variable }) =>
        `--secret=id=${id},${from === undefined ? `env=${variable}` : `src=${pathIn(place.folder, from)}`}`,
    ),
    ...Object.entries(build.additionalContexts).map(
      ([key, from]) => `--build-context=${key}=${pathIn(place.folder, from)}`,
    ),
    ...(build.noCache ? ['--no-cache'] : []),
    ...(build.pull ? ['--pull'] : []),
    '--',
    pathIn(place.folder, build.context),
  ]
}

/** On another kind of machine an image for the workers' kind has to be asked for. */
function forOthers(): string[] {
  return process.arch === 'x64' ? [] : ['--platform=linux/amd64']
}

function requireKnown(name: BuilderName, build: Build): void {
  if (name !== 'docker') return
  const needs = [
    build.secrets.length > 0 && 'secrets',
    build.ssh.length > 0 && 'ssh',
    Object.keys(build.additionalContexts).length > 0 && 'additional_contexts',
  ].find((one) => one !== false)
  if (needs)
    throw new CloisterError('no-engine', `docker without buildx can't build with ${needs}.`, {
      hint: 'Install docker-buildx, podman or buildah.',
    })
}
