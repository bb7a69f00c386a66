import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { canonicalHash } from '@cloister/core'
import { buildImage } from '@cloister/executors'
import { build, stop } from 'esbuild'
import { IMAGE } from './manifest.ts'

/**
 * Packs the key service into an image in an OCI layout folder, unless it is there: one file of code, and
 * Node. The same code and Node give the same digest, so whoever doubts the digest in the manifest builds it
 * again. Returns the digest.
 */
export async function buildKeyServiceImage(layout: string): Promise<string> {
  const bundled = await build({
    entryPoints: [join(import.meta.dirname, 'server', 'main.ts')],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    // Some of what is bundled is CommonJS and asks for `require`.
    banner: {
      js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
    },
    charset: 'ascii',
    legalComments: 'none',
    // Node keeps the text of what it runs: without comments it is half as long.
    minifyWhitespace: true,
    lineLimit: 160,
  })
  // Its process would stay for as long as ours, with 120 MB.
  await stop()
  const code = bundled.outputFiles[0]?.text ?? ''
  const mark = join(layout, 'key-service.built')
  const state = canonicalHash({ code, node: process.version })
  const [built, digest] = existsSync(mark) ? readFileSync(mark, 'utf8').split(' ') : []
  if (built === state && digest !== undefined) return digest
  const made = await buildImage({
    layout,
    name: IMAGE,
    programs: { '/usr/bin/node': process.execPath },
    files: { '/app/key-service.mjs': code },
    entrypoint: ['node', '--max-semi-space-size=1', '/app/key-service.mjs'],
    command: [],
    // One arena: the C library keeps what others have given back otherwise.
    env: { NODE_ENV: 'production', MALLOC_ARENA_MAX: '1' },
  })
  writeFileSync(mark, `${state} ${made}`)
  return made
}
