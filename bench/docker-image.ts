import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { TestEngine } from '@cloister/development/engines'

/** Runs a program without showing what it prints. Throws that where it fails. */
export async function runQuietly(
  program: string,
  words: string[],
  environment: Record<string, string> = {},
): Promise<string> {
  const env = { ...process.env, ...environment }
  const { stdout } = await promisify(execFile)(program, words, { env, maxBuffer: 64 * 1024 * 1024 })
  return stdout
}

/** Loads one image of a layout folder into Docker, which reads no layouts but archives of its own kind. */
export async function loadLayout(
  { socketPath }: TestEngine,
  layout: string,
  name: string,
  work: string,
): Promise<void> {
  const read = (path: string) => JSON.parse(readFileSync(join(layout, path), 'utf8'))
  const place = (digest: string) => `blobs/${digest.replace(':', '/')}`
  const { manifests } = read('index.json') as {
    manifests: { digest: string; annotations?: Record<string, string> }[]
  }
  const found = manifests.find(
    ({ annotations }) => annotations?.['org.opencontainers.image.ref.name'] === name,
  )
  if (!found) throw new Error(`${layout} has no ${name}`)
  const manifest = read(place(found.digest)) as { config: { digest: string }; layers: { digest: string }[] }
  const layers = manifest.layers.map(({ digest }) => place(digest))
  const config = place(manifest.config.digest)
  writeFileSync(
    join(work, 'manifest.json'),
    JSON.stringify([{ Config: config, RepoTags: [name], Layers: layers }]),
  )
  const archive = join(work, 'image.tar')
  await runQuietly('tar', ['-cf', archive, '-C', work, 'manifest.json', '-C', layout, config, ...layers])
  await runQuietly('docker', ['-H', `unix://${socketPath}`, 'load', '-i', archive])
}
