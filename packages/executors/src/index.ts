export { DockerExecutor } from './docker/docker.ts'
export type { DockerSettings } from './docker/settings.ts'
export {
  type ContainerFile,
  type ContainerSpec,
  type ContainerStatus,
  type DatagramFlow,
  type ExecOptions,
  type ExecSession,
  type Executor,
  type Exit,
  type Image,
  type Isolation,
  LEASE_OVERHEAD_MIB,
  type LogLine,
  type LogOptions,
  type Notice,
  type PullOptions,
  type PullProgress,
  type RegistryCredentials,
  type Size,
  type Traffic,
  type Usage,
  type VolumeContent,
} from './executor.ts'
export { KubernetesExecutor } from './kubernetes/kubernetes.ts'
export { MAX_TAIL_CHARACTERS } from './logs/last-lines.ts'
export { DEFAULT_LIMITS, type WayOutLimits } from './network/limits.ts'
export { hostAddresses } from './network/way-out.ts'
export { type BuildOptions, buildImage } from './oci/build.ts'
export type { ImageSettings } from './oci/find.ts'
export { RegistrySource } from './oci/registry.ts'
export { sentImageParts } from './oci/sent.ts'
export { buildWorkbench, WORKBENCH_IMAGE } from './oci/workbench.ts'
export type { NetworkPlace, PrivateNetworks } from './private-network/place.ts'
export { type LinkSettings, PrivateLinks } from './private-network/private-link.ts'
export type { TunnelPeer, TunnelState, WireGuard } from './private-network/wireguard.ts'
export { type Remains, SandboxExecutor, type SandboxSettings } from './sandbox/sandbox.ts'
export { forgetMachine, type SwarmMachine, type SwarmPlace, swarmMachines } from './swarm/machines.ts'
export type { SwarmMember } from './swarm/membership.ts'
export { NodeClient } from './swarm/node-client.ts'
export type { ImageEngine, NodeEngine } from './swarm/node-engine.ts'
export { serveCall } from './swarm/serve-node.ts'
export { SwarmExecutor } from './swarm/swarm.ts'
export { volumeOfArchive } from './volumes/names.ts'
export type { ReadVolumeOptions } from './volumes/read.ts'
export { StagedBlocks } from './volumes/staged-blocks.ts'
