import { resolve } from 'node:path'
import type { DevelopmentRoot } from '@cloister/development/root'
import type { Json, Stage } from '../embedded.ts'

export const HELLO = resolve(import.meta.dirname, '../../examples/hello/compose.yaml')

/** What all tests of attestation stand on. It is there once the network is up. */
export interface Ground {
  stage: Stage
  /** A lease of the default tenant's, called `mine`, as `cloister deploy --json` tells of it. */
  lease: Json
  root: DevelopmentRoot
}
