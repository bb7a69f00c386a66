export { DockerExecutor, type DockerSettings } from './docker/docker.ts'
export type {
  ContainerSpec,
  ContainerStatus,
  DatagramFlow,
  ExecOptions,
  ExecSession,
  Executor,
  Exit,
  Image,
  Isolation,
  LogLine,
  LogOptions,
  PullOptions,
  PullProgress,
  RegistryCredentials,
  Usage,
} from './executor.ts'
export { MAX_TAIL_CHARACTERS } from './logs/last-lines.ts'
export { DEFAULT_LIMITS, type WayOutLimits } from './network/limits.ts'
export { type BuildOptions, buildImage } from './oci/build.ts'
export type { ImageSettings } from './oci/find.ts'
export { buildWorkbench, WORKBENCH_IMAGE } from './oci/workbench.ts'
export { SandboxExecutor, type SandboxSettings } from './sandbox/sandbox.ts'
