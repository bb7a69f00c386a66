import { createHash } from 'node:crypto'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { HeldImage } from './held.ts'

/** A folder for one test. */
export function folderOfTest(): string {
  const folder = mkdtempSync(join(tmpdir(), 'cloister-images-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }))
  return folder
}

export const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

/** Writes a layout with one image of some layers, named `app`, and gives the digest of its manifest. */
export function writeLayout(folder: string, layers: Buffer[], architecture = 'amd64'): string {
  const blobs = join(folder, 'blobs/sha256')
  mkdirSync(blobs, { recursive: true })
  const add = (bytes: Buffer) => {
    writeFileSync(join(blobs, sha256(bytes)), bytes)
    return { digest: `sha256:${sha256(bytes)}`, size: bytes.length }
  }
  const json = (value: unknown) => add(Buffer.from(JSON.stringify(value)))
  const config = json({
    os: 'linux',
    architecture,
    rootfs: { type: 'layers', diff_ids: layers.map((layer) => `sha256:${sha256(layer)}`) },
  })
  const mediaType = 'application/vnd.oci.image.layer.v1.tar'
  const manifest = json({
    schemaVersion: 2,
    config,
    layers: layers.map((layer) => ({ mediaType, ...add(layer) })),
  })
  const annotations = { 'org.opencontainers.image.ref.name': 'app' }
  writeFileSync(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
  writeFileSync(
    join(folder, 'index.json'),
    JSON.stringify({ schemaVersion: 2, manifests: [{ ...manifest, annotations }] }),
  )
  return manifest.digest
}

/** Storage and settings of Podman's own for one test; the environment names them. */
export function ownPodman(): void {
  const folder = folderOfTest()
  const settings = {
    CONTAINERS_CONF: `[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n`,
    CONTAINERS_STORAGE_CONF: `[storage]\ndriver = "vfs"\ngraphroot = "${folder}/root"\nrunroot = "${folder}/run"\n`,
  }
  for (const [name, text] of Object.entries(settings)) {
    const before = process.env[name]
    writeFileSync(join(folder, name), text)
    process.env[name] = join(folder, name)
    onTestFinished(() => {
      if (before === undefined) delete process.env[name]
      else process.env[name] = before
    })
  }
}

/** A context whose image is one busybox, which a step of the build runs. */
export function busyboxContext(folder: string): string {
  mkdirSync(folder, { recursive: true })
  cpSync('/bin/busybox', join(folder, 'busybox'))
  writeFileSync(
    join(folder, 'Dockerfile'),
    'FROM scratch\nCOPY busybox /bin/busybox\nARG WORD=none\nRUN ["/bin/busybox", "sh", "-c", "/bin/busybox mkdir /data && echo $WORD > /data/word"]\nHEALTHCHECK CMD ["/bin/busybox", "true"]\nCMD ["/bin/busybox", "cat", "/data/word"]\n',
  )
  return folder
}

/** Whether all parts of an image are what their digests say; its configuration comes along. */
export async function checkParts({ digest, contents }: HeldImage): Promise<unknown> {
  const bodies = new Map<string, Buffer>()
  for (const part of contents) {
    const chunks: Uint8Array[] = []
    for await (const chunk of part.open(0)) chunks.push(Buffer.from(chunk))
    const body = Buffer.concat(chunks)
    if (`sha256:${sha256(body)}` !== part.digest || body.length !== part.bytes) throw new Error(part.digest)
    bodies.set(part.digest, body)
  }
  const manifest = JSON.parse(String(bodies.get(digest)))
  if (
    bodies.size !==
    new Set([digest, manifest.config.digest, ...manifest.layers.map((one: { digest: string }) => one.digest)])
      .size
  )
    throw new Error('there are other parts than the manifest names')
  return JSON.parse(String(bodies.get(manifest.config.digest)))
}
