import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { canonicalHash } from '@cloister/core'
import { buildImage } from '@cloister/executors'
import { packedProgram } from '@cloister/packed'
import { IMAGE, IMAGE_OPTIONS } from '@cloister/packed/image-code'
import { build, stop } from 'esbuild'

/** A program that becomes an image. */
export interface Program {
  /** The image's name, such as `cloister/key-service:1`. */
  name: string
  /** Path of its source: TypeScript or JavaScript. */
  source: string
  /** What its one file of code is called in the image: `/app/<file>.mjs`. */
  file: string
  /** Options of Node's own. */
  nodeOptions?: string[]
  env?: Record<string, string>
}

/**
 * Packs a program into an image in an OCI layout folder, unless it is there: one file of code, and the Node
 * that runs this. The same code and Node give the same digest, so whoever doubts the digest in a manifest
 * builds it again. Returns the digest.
 */
export async function buildProgramImage(
  layout: string,
  { name, source, file, nodeOptions = [], env = {} }: Program,
): Promise<string> {
  const code = await bundle(source)
  const mark = join(layout, `${file}.built`)
  const state = canonicalHash({ code, node: process.version })
  const [built, digest] = existsSync(mark) ? readFileSync(mark, 'utf8').split(' ') : []
  if (built === state && digest !== undefined) return digest
  const made = await buildImage({
    layout,
    name,
    programs: { '/usr/bin/node': process.execPath },
    files: { [`/app/${file}.mjs`]: code },
    entrypoint: ['node', ...nodeOptions, `/app/${file}.mjs`],
    command: [],
    env: { NODE_ENV: 'production', ...env },
  })
  writeFileSync(mark, `${state} ${made}`)
  return made
}

/** The program in one file; made anew only where it was changed since programs were packed. */
async function bundle(source: string): Promise<string> {
  const packed = packedProgram(source, { command: IMAGE })
  if (packed !== source) return readFileSync(packed, 'utf8')
  const bundled = await build({ ...IMAGE_OPTIONS, entryPoints: [source] })
  // Its process would stay for as long as ours, with 120 MB.
  await stop()
  return bundled.outputFiles[0]?.text ?? ''
}
