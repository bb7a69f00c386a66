import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { awsSettings } from './aws-settings.ts'
import { SnapshotKey } from './key.ts'
import { prune } from './prune.ts'
import { Repository } from './repository.ts'
import { S3Store } from './s3-store.ts'
import { CREDENTIALS, type FakeS3, REGION, startFakeS3 } from './s3-testing.ts'

let s3: FakeS3

beforeAll(async () => {
  s3 = await startFakeS3('backups')
})
afterAll(() => s3.stop())
beforeEach(() => {
  s3.objects.clear()
  s3.fail.times = 0
})

const storeAt = (place = 's3://backups/some/prefix', changes: object = {}) =>
  new S3Store(place, { ...CREDENTIALS, region: REGION, endpoint: s3.endpoint, ...changes })

describe('snapshots in S3-compatible storage', () => {
  it('write, read, list and remove, by requests whose signatures hold', async () => {
    const store = storeAt()
    const bytes = randomBytes(1000)
    for (let n = 0; n < 8; n++) await store.write(`packs/p${n}`, bytes)
    expect([...s3.objects.keys()][0]).toBe('backups/some/prefix/packs/p0')
    expect((await store.read('packs/p3'))?.equals(bytes)).toBe(true)
    expect((await store.read('packs/p3', { offset: 10, bytes: 5 }))?.equals(bytes.subarray(10, 15))).toBe(
      true,
    )
    expect(await store.read('packs/none')).toBeUndefined()
    // More than one page.
    const listed = await store.list('packs')
    expect(listed.map(({ name }) => name)).toEqual(Array.from({ length: 8 }, (_, n) => `packs/p${n}`))
    expect(listed[0]).toMatchObject({ bytes: 1000, modifiedAt: expect.any(Number) })
    await store.remove('packs/p3')
    expect(await store.list('packs')).toHaveLength(7)
    expect(await storeAt('s3://backups').list('packs')).toEqual([])
  })

  it('are whole snapshots, and pruned', async () => {
    const key = new SnapshotKey(Buffer.alloc(32, 3))
    const repository = await Repository.open(storeAt(), key, true)
    const bytes = randomBytes(100_000)
    const digest = createHash('sha256').update(bytes).digest('hex')
    await repository.add(digest, bytes)
    await repository.flush()
    const again = await Repository.open(storeAt(), key)
    expect((await again.block(digest)).equals(bytes)).toBe(true)
    await prune(again, { keep: 1 })
    expect(await storeAt().list('packs')).toEqual([])
    expect(await storeAt().list('locks')).toEqual([])
  })

  it('go on after what is over in a moment', async () => {
    s3.fail = { status: 503, times: 2 }
    await storeAt().write('packs/x', Buffer.from('x'))
    expect((await storeAt().read('packs/x'))?.toString()).toBe('x')
  })

  it('say why they are refused', async () => {
    const wrong = storeAt(undefined, { secretAccessKey: 'another' })
    await expect(wrong.write('packs/x', Buffer.from('x'))).rejects.toMatchObject({
      code: 'forbidden',
      message: 'The storage at s3://backups/some/prefix refuses: SignatureDoesNotMatch (no & no).',
    })
    await expect(storeAt('s3://nowhere').read('packs/x')).rejects.toMatchObject({ code: 'not-found' })
    for (const place of ['s3://', 's3://UPPER/x', 's3://backups/a b'])
      expect(() => storeAt(place)).toThrow(/names no bucket/)
  })
})

describe('who asks', () => {
  it('is what variables say, else the profile in the usual files', () => {
    const home = mkdtempSync(join(tmpdir(), 'cloister-aws-'))
    try {
      expect(() => awsSettings({ HOME: home })).toThrow(/Nothing says who asks/)
      mkdirSync(join(home, '.aws'))
      const credentials = '[default]\naws_access_key_id = one\naws_secret_access_key = s1\n'
      const other = '[work]\naws_access_key_id=two\naws_secret_access_key=s2\naws_session_token=t2\n'
      writeFileSync(join(home, '.aws/credentials'), credentials + other)
      const config =
        '[default]\nregion = eu-1\n[profile work]\nregion = eu-2\nendpoint_url = https://s3.example\n'
      writeFileSync(join(home, '.aws/config'), config)
      expect(awsSettings({ HOME: home })).toMatchObject({ accessKeyId: 'one', region: 'eu-1' })
      expect(awsSettings({ HOME: home, AWS_PROFILE: 'work' })).toEqual({
        accessKeyId: 'two',
        secretAccessKey: 's2',
        sessionToken: 't2',
        region: 'eu-2',
        endpoint: 'https://s3.example',
      })
      const given = { AWS_ACCESS_KEY_ID: 'three', AWS_SECRET_ACCESS_KEY: 's3', AWS_REGION: 'us-9' }
      expect(awsSettings({ HOME: home, AWS_PROFILE: 'work', ...given })).toMatchObject({
        accessKeyId: 'three',
        sessionToken: undefined,
        region: 'us-9',
      })
    } finally {
      rmSync(home, { recursive: true, force: true })
    }
  })
})

describe('storage that means harm', () => {
  let server: Server
  let answer: (url: string, response: ServerResponse) => void
  let hostile: S3Store
  beforeAll(async () => {
    server = createServer((request, response) => answer(request.url ?? '', response)).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    hostile = new S3Store('s3://backups/some/prefix', { ...CREDENTIALS, region: REGION, endpoint }, 20)
  })
  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })
  const listOf = (items: string, more = '') => `<ListBucketResult>${items}${more}</ListBucketResult>`
  const item = (key: string) => `<Contents><Key>${key}</Key><Size>1</Size></Contents>`

  it('sends no more than was asked for', async () => {
    let sent = 0
    answer = (_, response) => {
      const more = () => {
        while (!response.destroyed && response.write(Buffer.alloc(64 * 1024))) sent += 64 * 1024
      }
      response.on('drain', more)
      more()
    }
    for (const read of [
      () => hostile.read('packs/p', { offset: 0, bytes: 1_000 }),
      () => hostile.list('packs'),
    ])
      await expect(read()).rejects.toMatchObject({ code: 'bad-answer' })
    expect(sent).toBeLessThan(64 * 1024 * 1024)
  })

  it('gives no names but those of a folder', async () => {
    const keys = ['../../other/packs/x', 'some/prefix/packs/../../x', 'some/prefix/packs/a?b', 'packs/y']
    answer = (_, response) =>
      void response.end(listOf([...keys, 'some/prefix/packs/good', 'some/prefix/locks/z'].map(item).join('')))
    expect((await hostile.list('packs')).map(({ name }) => name)).toEqual(['packs/good'])
  })

  it('takes no time with a list that is none', async () => {
    answer = (_, response) => void response.end(listOf('<Contents>'.repeat(700_000)))
    expect(await hostile.list('packs')).toEqual([])
  })

  it('has no list without an end', async () => {
    let pages = 0
    answer = (_, response) =>
      void response.end(
        listOf(
          '',
          `<IsTruncated>true</IsTruncated><NextContinuationToken>${++pages}</NextContinuationToken>`,
        ),
      )
    await expect(hostile.list('packs')).rejects.toThrow('its list has no end')
  })
})
