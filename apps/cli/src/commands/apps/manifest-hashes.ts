import { CloisterError, hashManifest } from '@cloister/core'
import { clusters } from '@cloister/sdk'
import type { Hex } from 'viem'
import { countOf } from '../../counts.ts'
import { readManifestFile } from '../../manifest-file.ts'
import type { PolicyOptions } from './options.ts'

/**
 * Hashes of the manifests that a file stands for: one, or, with `--cluster NAME -n SIZE`, that of each lease
 * of a cluster, which is told its rank. Throws what reading it throws, and `bad-option`.
 */
export async function manifestHashes(file: string, options: PolicyOptions): Promise<Hex[]> {
  const { cluster: name, size } = options
  if ((name === undefined) !== (size === undefined))
    throw new CloisterError('bad-option', 'A cluster is meant by its name and its size together.', {
      hint: 'Say both as `cluster up` is to be told them: --cluster mpi -n 4.',
    })
  const { manifest } = await readManifestFile(file, options, options.json === true)
  if (name === undefined || size === undefined) return [hashManifest(manifest)]
  return clusters.manifests(manifest, { name, size: countOf(size, '-n') }).map(hashManifest)
}
