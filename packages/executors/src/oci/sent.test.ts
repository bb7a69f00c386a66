import { createHash } from 'node:crypto'
import { mkdirSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { findImage } from './find.ts'
import { sentImageParts } from './sent.ts'
import { archive } from './tar-testing.ts'

const OCI = 'application/vnd.oci.image'
const LAYER = archive({ path: 'f', body: 'x' })

let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cloister-sent-'))
  mkdirSync(join(folder, 'blobs/sha256'), { recursive: true })
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const fileOf = (digest: string) => join(folder, 'blobs/sha256', digest.slice(7))

function add(content: Buffer | object): { digest: string; size: number } {
  const bytes = Buffer.isBuffer(content) ? content : Buffer.from(JSON.stringify(content))
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
  writeFileSync(fileOf(digest), bytes)
  return { digest, size: bytes.length }
}

/** An image with changes to its manifest; gives its digest. */
function image(changes: object = {}): string {
  const config = { mediaType: `${OCI}.config.v1+json`, ...add({ os: 'linux', config: {} }) }
  const layers = [{ mediaType: `${OCI}.layer.v1.tar`, ...add(LAYER) }]
  return add({ schemaVersion: 2, config, layers, ...changes }).digest
}

describe('an image that a tenant sent', () => {
  const layer = () => ({ mediaType: `${OCI}.layer.v1.tar`, ...add(LAYER) })
  const config = () => ({ mediaType: `${OCI}.config.v1+json`, ...add({ os: 'linux', config: {} }) })

  it('is all that describes it and its layers, also through an index', async () => {
    const parts = [config().digest, layer().digest]
    expect(await sentImageParts(folder, image())).toEqual([image(), ...parts])
    const index = add({ schemaVersion: 2, manifests: [{ digest: image(), size: 1 }] })
    expect(await sentImageParts(folder, index.digest)).toEqual([index.digest, image(), ...parts])
  })

  const cases: [string, () => string, RegExp][] = [
    ['that was not sent', () => `sha256:${'0'.repeat(64)}`, /was not sent/],
    ['that is named by something else', () => '../../etc/passwd', /no SHA-256/],
    [
      'whose layer was not sent',
      () => {
        const digest = image()
        rmSync(fileOf(layer().digest))
        return digest
      },
      /was not sent/,
    ],
    ['whose layer is as long as it wants', () => image({ layers: [{ ...layer(), size: 7 }] }), /not as long/],
    ['whose configuration is longer than it says', () => image({ config: { ...config(), size: 3 } }), /long/],
    ['whose configuration is shorter', () => image({ config: { ...config(), size: 999 } }), /long|short/],
    [
      'with a layer of an unknown kind',
      () => image({ layers: [{ ...layer(), mediaType: 'text/html' }] }),
      /kind|html/,
    ],
    [
      'with an encrypted layer',
      () => image({ layers: [{ ...layer(), mediaType: `${OCI}.layer.v1.tar+encrypted` }] }),
      /encrypted/,
    ],
    [
      'with a layer that lies elsewhere',
      () =>
        image({
          layers: [{ ...layer(), mediaType: `${OCI}.layer.nondistributable.v1.tar`, urls: ['http://a'] }],
        }),
      /nondistributable/,
    ],
    [
      'that is something else in an image’s clothes',
      () => image({ config: { ...config(), mediaType: 'application/vnd.cncf.helm.config.v1+json' } }),
      /helm/,
    ],
    ['that is an image and an index', () => image({ manifests: [] }), /both an image and an index/],
    ['that is no JSON', () => add(Buffer.from('{')).digest, /not JSON/],
    ['that is another machine’s', () => image({ config: { ...config(), ...add({ os: 'plan9' }) } }), /plan9/],
    [
      'whose description fills the memory',
      () => {
        const { digest } = add(Buffer.from('{}'))
        truncateSync(fileOf(digest), 3 * 1024 ** 3)
        return digest
      },
      /too large/,
    ],
    [
      'whose indexes go on and on',
      () => {
        let digest = image()
        for (let depth = 0; depth < 5; depth++)
          ({ digest } = add({ schemaVersion: 2, depth, manifests: [{ digest, size: 1 }] }))
        return digest
      },
      /nested too deeply/,
    ],
    [
      'that was changed where it lies',
      () => {
        const digest = image()
        writeFileSync(fileOf(digest), '{"schemaVersion":2}')
        return digest
      },
      /does not match/,
    ],
    [
      'with a link in a layer’s place',
      () => {
        const digest = image()
        renameSync(fileOf(layer().digest), join(folder, 'aside'))
        symlinkSync(
          join(folder, 'aside'),
          fileOf(`sha256:${createHash('sha256').update(LAYER).digest('hex')}`),
        )
        return digest
      },
      /no plain file/,
    ],
    [
      'with a link in a folder’s place',
      () => {
        const digest = image()
        renameSync(join(folder, 'blobs'), join(folder, 'aside'))
        symlinkSync(join(folder, 'aside'), join(folder, 'blobs'))
        return digest
      },
      /no plain file/,
    ],
  ]
  it.each(cases)('%s is none', async (_, make, why) => {
    await expect(sentImageParts(folder, make())).rejects.toMatchObject({
      code: 'image-unavailable',
      message: expect.stringMatching(why),
    })
  })

  it('is looked for nowhere else', async () => {
    const settings = { layouts: [], trustedRegistries: ['sent.local'] }
    const wanted = `sent.local/app@${image()}`
    const { source } = await findImage(wanted, { sent: folder }, settings)
    expect(source.fileOf).toBeDefined()
    for (const [reference, sent] of [
      [wanted, undefined],
      ['sent.local/app:1', folder],
    ] as const)
      await expect(findImage(reference, { sent }, settings)).rejects.toMatchObject({
        code: 'image-unavailable',
        details: { reason: 'not-found' },
      })
  })
})
