import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { ImageCache } from './cache.ts'
import { placedImage } from './placed.ts'
import { readImage } from './read.ts'
import { checkParts, folderOfTest, sha256, writeLayout } from './testing.ts'

const LAYERS = [Buffer.alloc(2048, 'a'), Buffer.alloc(1024, 'b')]

function tar(folder: string, ...names: string[]): string {
  const file = join(folderOfTest(), 'image.tar')
  execFileSync('tar', ['-cf', file, '-C', folder, ...(names.length > 0 ? names : ['.'])])
  return file
}

describe('a layout', () => {
  it('is an image with its manifest, configuration and layers, from any byte on', async () => {
    const folder = folderOfTest()
    const digest = writeLayout(folder, LAYERS)
    const image = await readImage(folder)
    expect(image.digest).toBe(digest)
    expect(image.contents).toHaveLength(4)
    await checkParts(image)
    const layer = image.contents.find(({ bytes }) => bytes === 2048)
    let rest = 0
    for await (const chunk of layer?.open(2000) ?? []) rest += chunk.length
    expect(rest).toBe(48)
    expect(await readImage(folder, 'app')).toMatchObject({ digest })
  })

  it('is refused for another architecture, another name, and where a part lacks', async () => {
    const arm = folderOfTest()
    writeLayout(arm, LAYERS, 'arm64')
    await expect(readImage(arm)).rejects.toThrow('it is made for linux/arm64, and the worker is linux/amd64')
    const folder = folderOfTest()
    writeLayout(folder, LAYERS)
    await expect(readImage(folder, 'other')).rejects.toThrow('holds no image called other')
    rmSync(join(folder, 'blobs/sha256', sha256(LAYERS[0] ?? Buffer.alloc(0))))
    await expect(readImage(folder)).rejects.toThrow('is not in it')
    await expect(readImage(folderOfTest())).rejects.toThrow('it has no index.json')
    await expect(readImage(join(folder, 'gone'))).rejects.toThrow('There is no image at')
  })

  it('with a part that has changed fails once that is read', async () => {
    const folder = folderOfTest()
    writeLayout(folder, LAYERS)
    const image = await readImage(folder)
    writeFileSync(join(folder, 'blobs/sha256', sha256(LAYERS[0] ?? Buffer.alloc(0))), Buffer.alloc(2048, 'x'))
    await expect(checkParts(image)).rejects.toThrow('has changed')
  })
})

describe('an archive', () => {
  it('of a layout is the same image, packed or not', async () => {
    const folder = folderOfTest()
    const digest = writeLayout(folder, LAYERS)
    const archive = tar(folder)
    const image = await readImage(archive)
    expect(image.digest).toBe(digest)
    await checkParts(image)
    const cache = new ImageCache(folderOfTest())
    execFileSync('gzip', [archive])
    const packed = await placedImage(`${archive}.gz`, undefined, cache)
    expect(packed.digest).toBe(digest)
    await checkParts(packed)
    await checkParts(await placedImage(`${archive}.gz`, undefined, cache))
    expect(readdirSync(cache.folder).filter((name) => name.startsWith('work'))).toEqual([])
  })

  /** As Docker 20.10 writes it: layers by the ids of images, one of them a link to another. */
  function dockerSave(layers: Buffer[], tags = ['me/app:1']): string {
    const folder = folderOfTest()
    const config = Buffer.from(
      JSON.stringify({
        os: 'linux',
        architecture: 'amd64',
        config: { Healthcheck: { Test: ['CMD', 'true'] } },
        rootfs: { type: 'layers', diff_ids: layers.map((layer) => `sha256:${sha256(layer)}`) },
      }),
    )
    writeFileSync(join(folder, `${sha256(config)}.json`), config)
    const names = layers.map((layer, index) => {
      mkdirSync(join(folder, `id${index}`))
      const path = join(folder, `id${index}`, 'layer.tar')
      const same = layers.findIndex((other) => other.equals(layer))
      if (same < index) symlinkSync(`../id${same}/layer.tar`, path)
      else writeFileSync(path, layer)
      return `id${index}/layer.tar`
    })
    const manifest = [{ Config: `${sha256(config)}.json`, RepoTags: tags, Layers: names }]
    writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifest))
    return tar(folder)
  }

  it('of docker save gets a manifest, always the same', async () => {
    const [a, b] = LAYERS
    if (!a || !b) throw new Error('no layers')
    const image = await readImage(dockerSave([a, b, a]))
    expect(await checkParts(image)).toMatchObject({ config: { Healthcheck: { Test: ['CMD', 'true'] } } })
    expect(image.contents).toHaveLength(4)
    expect((await readImage(dockerSave([a, b, a]), 'me/app:1')).digest).toBe(image.digest)
    await expect(readImage(dockerSave([a]), 'me/other')).rejects.toThrow('holds no image called me/other')
  })

  it('of anything else is refused', async () => {
    const folder = folderOfTest()
    writeFileSync(join(folder, 'a.txt'), 'a')
    await expect(readImage(tar(folder))).rejects.toThrow('neither an index.json nor a manifest.json')
    writeFileSync(join(folder, 'no.tar'), Buffer.alloc(4096, 'x'))
    await expect(readImage(join(folder, 'no.tar'))).rejects.toThrow('is no archive of an image')
    writeFileSync(join(folder, 'no.gz'), gzipSync('x').subarray(0, 12))
    await expect(placedImage(join(folder, 'no.gz'), undefined, new ImageCache(folder))).rejects.toThrow(
      'is not packed as it should be',
    )
  })
})
