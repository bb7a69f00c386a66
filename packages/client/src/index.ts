export { type Answer, type Asked, fetchJson } from './ask.ts'
export { composeBundle, type GivenEvidence } from './evidence/compose.ts'
export { type GatherOptions, gatherEvidence, type Subject } from './evidence/gather.ts'
export { trustOf, type Verified, verifySubject } from './evidence/verify.ts'
export { GatewayClient } from './gateway-client.ts'
export { everyPage, IndexClient } from './index-client.ts'
export { endorsementsFor } from './vendors/endorsements.ts'
export { GpuKeys } from './vendors/gpu-keys.ts'
export { throughAbsence } from './worker/absence.ts'
export { WorkerClient } from './worker/client.ts'
export {
  blocksOf,
  type CopiedVolume,
  copyVolume,
  insist,
  type LeaseOnWorker,
} from './worker/copy-volume.ts'
export { workerOfRecord } from './worker/record.ts'
export { requireTls } from './worker/require-tls.ts'
export { askService, callService, type ServiceRequest } from './worker/service.ts'
export {
  BlockSender,
  beginStaging,
  finishStaging,
  listVolumes,
  readVolume,
  type VolumePart,
} from './worker/volumes.ts'
