import { join } from 'node:path'
import { buildProgramImage } from '@cloister/workload/image'
import { IMAGE } from './manifest.ts'

/** Builds the door's image in an OCI layout folder, unless it is there. Returns its digest. */
export function buildInferenceImage(layout: string): Promise<string> {
  return buildProgramImage(layout, {
    name: IMAGE,
    source: join(import.meta.dirname, 'server', 'main.ts'),
    file: 'inference',
    nodeOptions: ['--max-semi-space-size=4'],
    // One arena: the C library keeps what others have given back otherwise.
    env: { MALLOC_ARENA_MAX: '1' },
  })
}
