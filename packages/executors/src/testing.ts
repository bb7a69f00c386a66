// The engines, an executor over each, and a container to vary, for tests that hold for all executors.
import { join } from 'node:path'
import { startDocker, startPodman, type TestEngine } from '@cloister/development/engines'
import { DockerExecutor } from './docker/docker.ts'
import type { ContainerSpec, Executor } from './executor.ts'
import { SandboxExecutor } from './sandbox/sandbox.ts'

/** `program` has to be here for the engine to run. */
export const ENGINES = [
  { name: 'sandbox', program: 'runc', start: undefined },
  { name: 'docker', program: 'dockerd', start: startDocker },
  { name: 'podman', program: 'podman', start: startPodman },
] as const

/** Those that every run of the tests tries; Podman is driven through Docker's interface, on demand. */
export const TRIED = ENGINES.filter(({ name }) => name !== 'podman' || process.env['CLOISTER_PODMAN'])

/** Opens an executor that keeps all it has in `folder` and finds its images in `folder/layout`. */
export async function openExecutor(
  start: (() => Promise<TestEngine>) | undefined,
  folder: string,
  scope: string,
): Promise<{ executor: Executor; engine: TestEngine | undefined }> {
  const images = { layouts: [join(folder, 'layout')], trustedRegistries: [] }
  const engine = await start?.()
  const executor = engine
    ? await DockerExecutor.connect({
        socketPath: engine.socketPath,
        scope,
        folder: join(folder, 'files'),
        images,
      })
    : await SandboxExecutor.open({
        folder: join(folder, 'sandbox'),
        imageFolder: join(folder, 'images'),
        images,
      })
  return { executor, engine }
}

/** A program that does nothing, for ever. */
export const IDLE = ['node', '-e', 'setInterval(() => {}, 1000)']

/** A container that asks for nothing in particular. */
export function containerOf<I>(lease: string, image: I): Omit<ContainerSpec, 'image'> & { image: I } {
  return {
    lease,
    image,
    name: 'web-0',
    service: 'web',
    peers: ['web'],
    revision: 'r1',
    argv: IDLE,
    env: { PATH: '/usr/bin:/bin' },
    workingDir: '/',
    user: '',
    hostname: 'web',
    mounts: [],
    tmpfs: [],
    files: [],
    cpuMilli: 1000,
    memoryMiB: 256,
    maxProcesses: 128,
    gpus: 0,
    ulimits: {},
    readOnlyRoot: false,
    stopSignal: 'SIGTERM',
  }
}

/** Runs a command in a container to its end. */
export async function runIn(
  executor: Executor,
  { lease, name }: { lease: string; name: string },
  argv: string[],
  input = '',
): Promise<{ code: number; output: string }> {
  const session = await executor.exec(lease, name, { argv, terminal: undefined })
  let output = ''
  session.stdout.on('data', (chunk) => (output += chunk))
  session.stderr.on('data', (chunk) => (output += chunk))
  session.stdin.end(input)
  return { code: await session.exit, output }
}
