import { createHash } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Header } from 'tar'

/** An entry of a layer, as nobody would write it who means well. */
export interface LayerEntry {
  path: string
  type: 'File' | 'Directory' | 'SymbolicLink' | 'Link' | 'CharacterDevice' | 'BlockDevice'
  mode?: number
  body?: Buffer
  link?: string
  device?: [major: number, minor: number]
}

/** Lays a layer over an image of a layout folder and names that, with changes to its configuration. */
export async function addLayer(
  layout: string,
  base: string,
  name: string,
  entries: readonly LayerEntry[],
  changes: object = {},
): Promise<void> {
  const key = 'org.opencontainers.image.ref.name'
  const index = JSON.parse(await readFile(join(layout, 'index.json'), 'utf8'))
  const found = index.manifests.find(
    (one: { annotations: Record<string, string> }) => one.annotations[key] === base,
  )
  const manifest = await readJson(layout, found.digest)
  const config = await readJson(layout, manifest.config.digest)
  const layer = await addBlob(layout, tarOf(entries))
  config.config = { ...config.config, ...changes }
  config.rootfs.diff_ids.push(layer.digest)
  manifest.config = { ...manifest.config, ...(await addBlob(layout, Buffer.from(JSON.stringify(config)))) }
  manifest.layers.push({ mediaType: 'application/vnd.oci.image.layer.v1.tar', ...layer })
  const added = await addBlob(layout, Buffer.from(JSON.stringify(manifest)))
  index.manifests.push({ ...found, ...added, annotations: { [key]: name } })
  await writeFile(join(layout, 'index.json'), JSON.stringify(index))
}

function tarOf(entries: readonly LayerEntry[]): Buffer {
  const parts = entries.flatMap(
    ({ path, type, mode = 0o755, body = Buffer.alloc(0), link = '', device = [0, 0] }) => {
      const block = Buffer.alloc(512)
      new Header({
        path,
        type,
        mode,
        size: body.length,
        linkpath: link,
        uid: 0,
        gid: 0,
        devmaj: device[0],
        devmin: device[1],
        mtime: new Date(0),
      }).encode(block, 0)
      return [block, body, Buffer.alloc((512 - (body.length % 512)) % 512)]
    },
  )
  return Buffer.concat([...parts, Buffer.alloc(1024)])
}

async function readJson(layout: string, digest: string) {
  return JSON.parse(await readFile(join(layout, 'blobs/sha256', digest.slice(7)), 'utf8'))
}

async function addBlob(layout: string, bytes: Buffer): Promise<{ digest: string; size: number }> {
  const hex = createHash('sha256').update(bytes).digest('hex')
  await mkdir(join(layout, 'blobs/sha256'), { recursive: true })
  await writeFile(join(layout, 'blobs/sha256', hex), bytes)
  return { digest: `sha256:${hex}`, size: bytes.length }
}
