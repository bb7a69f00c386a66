import { attestationPart } from './attestation.ts'
import { certificatePart } from './certificate.ts'
import { collectorsPart } from './collectors.ts'
import { disksPart } from './disks.ts'
import { domainsPart } from './domains.ts'
import { gpusPart } from './gpus.ts'
import { leasesPart } from './leases.ts'
import { meteringPart } from './metering.ts'
import { networksPart } from './networks.ts'
import type { MakePart } from './part.ts'
import { reclaimingPart } from './reclaiming.ts'
import { rewardsPart } from './rewards.ts'
import { sentPart } from './sent.ts'
import { sizesPart } from './sizes.ts'

/** The parts of a worker. What a worker is to do besides is one more of them. */
export const PARTS: readonly MakePart[] = [
  gpusPart,
  certificatePart,
  leasesPart,
  attestationPart,
  meteringPart,
  disksPart,
  sizesPart,
  reclaimingPart,
  rewardsPart,
  sentPart,
  collectorsPart,
  networksPart,
  domainsPart,
]
