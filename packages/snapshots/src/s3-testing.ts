// A server that speaks as much of Amazon's S3 as snapshots need, for tests. It checks every signature by
// itself (Signature Version 4, from the AWS General Reference), with none of the client's code.
import { createHash, createHmac } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

export const CREDENTIALS = {
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
}
export const REGION = 'eu-test-1'
/** Objects of one page of a list. */
const PAGE = 3

export interface FakeS3 {
  endpoint: string
  /** By bucket and name, as in `backups/packs/…`. */
  objects: Map<string, { bytes: Buffer; at: Date }>
  /** Status that so many of the next requests are answered with. */
  fail: { status: number; times: number }
  requests: number
  stop(): Promise<void>
}

export async function startFakeS3(bucket: string): Promise<FakeS3> {
  const fake: FakeS3 = {
    endpoint: '',
    objects: new Map(),
    fail: { status: 503, times: 0 },
    requests: 0,
    stop: () => new Promise((done) => void server.close(() => done())),
  }
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part as Buffer)
    const body = Buffer.concat(parts)
    fake.requests++
    const answer = (status: number, text: string | Buffer = '', headers: Record<string, string> = {}) =>
      void response.writeHead(status, headers).end(text)
    const error = (status: number, code: string) =>
      answer(status, `<?xml version="1.0"?><Error><Code>${code}</Code><Message>no &amp; no</Message></Error>`)
    if (fake.fail.times-- > 0) return error(fake.fail.status, 'SlowDown')
    const wrong = problemOf(request, body)
    if (wrong) return error(403, wrong)
    const url = new URL(request.url ?? '/', 'http://s3')
    const key = decodeURIComponent(url.pathname.slice(1))
    if (!key.startsWith(`${bucket}/`)) return error(404, 'NoSuchBucket')
    const found = fake.objects.get(key)
    if (url.searchParams.get('list-type') === '2') return answer(200, listed(fake, bucket, url.searchParams))
    if (request.method === 'PUT') fake.objects.set(key, { bytes: body, at: new Date() })
    else if (request.method === 'DELETE') fake.objects.delete(key)
    else if (!found) return error(404, 'NoSuchKey')
    else {
      const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '')
      return range
        ? answer(206, found.bytes.subarray(Number(range[1]), Number(range[2]) + 1))
        : answer(200, found.bytes)
    }
    return answer(request.method === 'PUT' ? 200 : 204)
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  fake.endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return fake
}

function listed({ objects }: FakeS3, bucket: string, query: URLSearchParams): string {
  const prefix = `${bucket}/${query.get('prefix') ?? ''}`
  const after = query.get('continuation-token') ?? ''
  const names = [...objects.keys()].filter((key) => key.startsWith(prefix) && `<${key}` > after).sort()
  const page = names.slice(0, PAGE)
  const items = page.map((key) => {
    const { bytes, at } = objects.get(key) ?? { bytes: Buffer.alloc(0), at: new Date() }
    return `<Contents><Key>${key.slice(bucket.length + 1)}</Key><LastModified>${at.toISOString()}</LastModified><Size>${bytes.length}</Size></Contents>`
  })
  const isTruncated = names.length > page.length
  const next = isTruncated ? `<NextContinuationToken>&lt;${page.at(-1)}</NextContinuationToken>` : ''
  return `<ListBucketResult><IsTruncated>${isTruncated}</IsTruncated>${next}${items.join('')}</ListBucketResult>`
}

/** What is wrong with a request's signature, as S3 calls it. */
function problemOf({ method = '', url = '/', headers }: IncomingMessage, body: Buffer): string | undefined {
  const given =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(
      headers.authorization ?? '',
    )
  if (!given) return 'AccessDenied'
  const [, id, day = '', region = '', names = '', signature] = given
  if (id !== CREDENTIALS.accessKeyId || region !== REGION) return 'InvalidAccessKeyId'
  const time = String(headers['x-amz-date'])
  const sent = Date.parse(time.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z'))
  if (!(Math.abs(Date.now() - sent) < 15 * 60_000)) return 'RequestTimeTooSkewed'
  const digest = createHash('sha256').update(body).digest('hex')
  if (headers['x-amz-content-sha256'] !== digest) return 'XAmzContentSHA256Mismatch'
  for (const needed of ['host', 'x-amz-content-sha256', 'x-amz-date'])
    if (!names.split(';').includes(needed)) return 'AccessDenied'
  const { pathname, searchParams } = new URL(url, 'http://s3')
  const encoded = (text: string) =>
    encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
  const query = [...searchParams].map(([name, value]) => `${encoded(name)}=${encoded(value)}`).sort()
  const signed = names.split(';').map((name) => `${name}:${String(headers[name]).trim()}\n`)
  const path = pathname.split('/').map((step) => encoded(decodeURIComponent(step)))
  const canonical = [method, path.join('/'), query.join('&'), signed.join(''), names, digest].join('\n')
  const scope = `${day}/${region}/s3/aws4_request`
  const toSign = ['AWS4-HMAC-SHA256', time, scope, createHash('sha256').update(canonical).digest('hex')]
  const mac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest()
  const key = [day, region, 's3', 'aws4_request'].reduce<string | Buffer>(
    mac,
    `AWS4${CREDENTIALS.secretAccessKey}`,
  )
  return mac(key, toSign.join('\n')).toString('hex') === signature ? undefined : 'SignatureDoesNotMatch'
}
