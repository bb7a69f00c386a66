import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { canonicalHash } from '@cloister/core'
import { buildImage } from '@cloister/executors'
import { packedFolder } from '@cloister/packed'
import { engineRoot } from './root.ts'

/** The engine's image; its digest says which. */
export const ENGINE_IMAGE = 'cloister/llama-server:1'
/** Where the engine answers in its container. */
export const ENGINE_PORT = 8081

export interface EngineImage {
  digest: string
  /** The engine's version, as Debian has it: `1:0.7.0+dfsg-2`. */
  version: string
}

export interface EngineImageOptions {
  /** Where packages are kept; beside what else is packed, unless it is given. */
  cache?: string
  signal?: AbortSignal
}

/**
 * Adds an image of Debian sid's llama-server to an OCI layout folder, unless it is there. Weights aren't in
 * it: they are a file of the lease's manifest, by digest. The same packages give the same digest. Throws
 * `image-unavailable` where the packages can't be had.
 */
export async function buildEngineImage(
  layout: string,
  { cache = join(packedFolder(), 'engines'), signal }: EngineImageOptions = {},
): Promise<EngineImage> {
  const { folder, packages } = await engineRoot(cache, signal)
  const version = packages['llama.cpp-tools'] ?? ''
  const mark = join(layout, 'llama-server.built')
  const state = canonicalHash({ packages, edition: 1 })
  const [built, known] = existsSync(mark) ? (await readFile(mark, 'utf8')).split(' ') : []
  if (built === state && known !== undefined) return { digest: known, version }
  const digest = await buildImage({
    layout,
    name: ENGINE_IMAGE,
    programs: {},
    trees: [folder],
    files: {},
    entrypoint: ['llama-server', '--host', '0.0.0.0', '--port', String(ENGINE_PORT)],
    command: ['--help'],
    // No look for models and settings of a home folder, and nothing kept there.
    env: { HOME: '/tmp', LLAMA_CACHE: '/tmp' },
  })
  await writeFile(mark, `${state} ${digest}`)
  return { digest, version }
}
