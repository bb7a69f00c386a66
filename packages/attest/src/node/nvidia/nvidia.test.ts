import { execFileSync } from 'node:child_process'
import { createHash, sign } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Certified, certify, newKey, toPem } from '@cloister/development/root/certificates'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Certificate, parseCertificate } from '../../x509/certificate.ts'
import { checkOcsp } from '../../x509/ocsp.ts'
import { fetchGpuRim, fetchOcsp, goldenMeasurements, rimIdsOf, verifyGpuRim } from './index.ts'
import { C14nCanonicalization, parseXml } from './xml.ts'

/** A little ahead: what is made here says that it holds from now on. */
const instant = Math.floor(Date.now() / 1000) + 120
const DSIG = 'http://www.w3.org/2000/09/xmldsig#'
const SWID = 'http://standards.iso.org/iso/19770/-2/2015/schema.xsd'
const C14N11 = 'http://www.w3.org/2006/12/xml-c14n11'
const value = (digit: string) => digit.repeat(96)

/** A RIM as NVIDIA's are, signed by a chain of our own. */
async function makeRim(
  payload: string,
  { signer, authority }: { signer: Certified; authority: Certified },
): Promise<string> {
  const body = (signature: string) =>
    `<SoftwareIdentity xmlns="${SWID}" xmlns:ns0="${SWID}" xmlns:ns2="http://www.w3.org/2001/04/xmlenc#sha384" name="GH100">
    <ns0:Meta colloquialVersion="550.90.07" product="GH100"/>
    <ns0:Payload>${payload}</ns0:Payload>
${signature}</SoftwareIdentity>`
  const canonicalizer = new C14nCanonicalization() as unknown as {
    process(node: unknown, options: object): string
  }
  const canonical = (xml: string) => canonicalizer.process(parseXml(xml).documentElement, {})
  const digest = createHash('sha384')
    .update(canonical(body('')))
    .digest('base64')
  // Canonical as it stands, but for the namespaces that it inherits.
  const info = `<ds:SignedInfo><ds:CanonicalizationMethod Algorithm="${C14N11}"></ds:CanonicalizationMethod><ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384"></ds:SignatureMethod><ds:Reference URI=""><ds:Transforms><ds:Transform Algorithm="${DSIG}enveloped-signature"></ds:Transform><ds:Transform Algorithm="${C14N11}"></ds:Transform></ds:Transforms><ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#sha384"></ds:DigestMethod><ds:DigestValue>${digest}</ds:DigestValue></ds:Reference></ds:SignedInfo>`
  const inherited = `xmlns="${SWID}" xmlns:ds="${DSIG}" xmlns:ns0="${SWID}" xmlns:ns2="http://www.w3.org/2001/04/xmlenc#sha384"`
  const certificates = [signer, authority]
    .map(
      ({ certificate }) =>
        `<ds:X509Certificate>${Buffer.from(certificate).toString('base64')}</ds:X509Certificate>`,
    )
    .join('')
  const whole = (signature: string) =>
    body(
      `<ds:Signature xmlns:ds="${DSIG}">${info}<ds:SignatureValue>${signature}</ds:SignatureValue><ds:KeyInfo><ds:X509Data>${certificates}</ds:X509Data></ds:KeyInfo></ds:Signature>`,
    )
  const signature = sign(
    'sha384',
    Buffer.from(info.replace('<ds:SignedInfo', `<ds:SignedInfo ${inherited}`)),
    { key: signer.key, dsaEncoding: 'ieee-p1363' },
  )
  return whole(signature.toString('base64'))
}

const resource = (index: number, values: string[], more = '') =>
  `<ns0:Resource type="Measurement" index="${index}" active="True" alternatives="${values.length}" ${values.map((one, i) => `ns2:Hash${i}="${one}"`).join(' ')} size="48" ${more}/>`

describe('reference values of GPUs', () => {
  let root: Certified
  let authority: Certified
  let signer: Certified
  let trust: Certificate
  let rim: string

  beforeAll(async () => {
    root = await certify('Test RIM root', newKey(), undefined, 'authority')
    authority = await certify('Test RIM authority', newKey(), root, 'authority')
    signer = await certify('Test RIM signer', newKey('P-384'), authority, 'entity')
    trust = parseCertificate(root.certificate, 'root')
    rim = await makeRim(
      `${resource(0, [value('a'), value('B')])}<ns0:Resource type="Measurement" index="1" active="False" alternatives="1" ns2:Hash0="${value('0')}" size="48"/>`,
      {
        signer,
        authority,
      },
    )
  })

  it('are read out of what is signed, counted from one, without those that are not active', async () => {
    expect(await verifyGpuRim(rim, { instant, trust })).toEqual({
      version: '550.90.07',
      product: 'GH100',
      measurements: new Map([[1, [value('a'), value('b')]]]),
    })
  })

  it('are not believed by another root, out of time, changed, unsigned or wrapped', async () => {
    const other = parseCertificate(
      (await certify('Other root', newKey(), undefined, 'authority')).certificate,
      'other',
    )
    await expect(verifyGpuRim(rim, { instant, trust: other })).rejects.toThrow(/does not chain/)
    await expect(verifyGpuRim(rim, { instant })).rejects.toThrow(/does not chain/)
    await expect(verifyGpuRim(rim, { instant: instant - 3 * 86_400, trust })).rejects.toThrow(
      /not valid at the instant/,
    )
    const wrapped = rim.replace('<SoftwareIdentity', '<Outer><SoftwareIdentity').concat('</Outer>')
    for (const changed of [
      rim.replace(value('a'), value('c')),
      rim.replace('550.90.07', '550.90.08'),
      rim.replace('</ns0:Payload>', `${resource(7, [value('d')])}</ns0:Payload>`),
      rim.replace('URI=""', 'URI="#x"'),
      rim.replace(/<ds:Signature .*<\/ds:Signature>/s, ''),
      wrapped,
      rim.replace('<SoftwareIdentity', '<!DOCTYPE x [<!ENTITY a "b">]><SoftwareIdentity'),
      rim.slice(0, -20),
      '',
    ])
      await expect(verifyGpuRim(changed, { instant, trust }), changed.slice(0, 60)).rejects.toMatchObject({
        code: expect.stringMatching(/^bad-(rim|certificate|base64)$/),
      })
  })

  it('of nonsense are refused even if they are signed', async () => {
    for (const payload of [
      resource(0, [value('a').slice(2)]),
      resource(0, [value('x')]),
      resource(300, [value('a')]),
      resource(0, [value('a')]) + resource(0, [value('b')]),
    ])
      await expect(
        makeRim(payload, { signer, authority }).then((xml) => verifyGpuRim(xml, { instant, trust })),
      ).rejects.toMatchObject({ code: 'bad-rim' })
  })

  it('of driver and firmware go together where they speak of different measurements', () => {
    const part = (index: number) => ({
      version: '1',
      product: 'GH100',
      measurements: new Map([[index, [value('a')]]]),
    })
    expect([...goldenMeasurements(part(1), part(2)).keys()]).toEqual([1, 2])
    expect(() => goldenMeasurements(part(1), part(1))).toThrow(/measurement 1/)
  })

  it('are asked for by the names that NVIDIA gives them', async () => {
    const ids = rimIdsOf({
      die: 'GH100',
      driver: '550.90.07',
      firmware: '96.00.9F.00.01',
      project: '1010',
      projectSku: '0200',
      chipSku: '882',
    })
    expect(ids).toEqual({
      driver: 'NV_GPU_DRIVER_GH100_550.90.07',
      firmware: 'NV_GPU_VBIOS_1010_0200_882_96009F0001',
    })
    const asked: string[] = []
    const answer = (body: unknown, status = 200) =>
      (async (url: string) => {
        asked.push(url)
        return new Response(JSON.stringify(body), { status })
      }) as unknown as typeof fetch
    expect(
      await fetchGpuRim(ids.driver, { fetch: answer({ rim: Buffer.from(rim).toString('base64') }) }),
    ).toBe(rim)
    expect(asked).toEqual(['https://rim.attestation.nvidia.com/v1/rim/NV_GPU_DRIVER_GH100_550.90.07'])
    await expect(fetchGpuRim(ids.driver, { fetch: answer({}) })).rejects.toMatchObject({
      code: 'no-endorsements',
    })
    await expect(fetchGpuRim(ids.driver, { fetch: answer({}, 404) })).rejects.toMatchObject({
      code: 'no-endorsements',
    })
  })
})

describe('OCSP responses (made by OpenSSL)', () => {
  let folder: string
  let root: Certified
  let leaf: Certified
  let response: Uint8Array
  const openssl = (...words: string[]) =>
    execFileSync('openssl', words, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  const parsed = ({ certificate }: Certified) => parseCertificate(certificate, 'A certificate')
  /** What the responder says of the certificates in its index. */
  const answer = (request: Uint8Array, status: string, { signer = 'root', days = '1' } = {}): Uint8Array => {
    const serial = parsed(leaf).serial.toUpperCase()
    writeFileSync(
      join(folder, 'index.txt'),
      `${status}\t491231235959Z\t${status === 'R' ? '250101000000Z' : ''}\t${serial}\tunknown\t/CN=leaf\n`,
    )
    writeFileSync(join(folder, 'request.der'), request)
    openssl(
      'ocsp',
      '-index',
      'index.txt',
      '-rsigner',
      `${signer}.pem`,
      '-rkey',
      `${signer}.key`,
      '-CA',
      'root.pem',
      '-reqin',
      'request.der',
      '-respout',
      'response.der',
      '-ndays',
      days,
    )
    return new Uint8Array(readFileSync(join(folder, 'response.der')))
  }

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'cloister-ocsp-'))
    root = await certify('Test root', newKey(), undefined, 'authority')
    leaf = await certify('Test leaf', newKey(), root, 'entity')
    // Extended key usage: OCSP signing (1.3.6.1.5.5.7.3.9).
    const purpose = {
      oid: '2.5.29.37',
      value: new Uint8Array(Buffer.from('300a06082b06010505070309', 'hex')),
    }
    const delegate = await certify('Test responder', newKey(), root, 'entity', [purpose])
    for (const [name, { key, certificate }] of Object.entries({ root, leaf, delegate })) {
      writeFileSync(join(folder, `${name}.pem`), toPem(certificate))
      writeFileSync(join(folder, `${name}.key`), key.export({ format: 'pem', type: 'pkcs8' }))
    }
    const asked: { url: string; body: Uint8Array }[] = []
    const fetch = (async (url: string, init: RequestInit) => {
      asked.push({ url, body: init.body as Uint8Array })
      return new Response(answer(init.body as Uint8Array, 'V') as never)
    }) as unknown as typeof globalThis.fetch
    const [made] = await fetchOcsp(toPem(leaf.certificate, root.certificate), { fetch })
    response = made as Uint8Array
    expect(asked[0]?.url).toBe('https://ocsp.ndis.nvidia.com')
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it('are good by the issuer, or by a delegate of its own', async () => {
    expect(await checkOcsp(response, parsed(leaf), parsed(root), instant)).toMatchObject({ status: 'good' })
    const request = new Uint8Array(readFileSync(join(folder, 'request.der')))
    expect(
      await checkOcsp(answer(request, 'V', { signer: 'delegate' }), parsed(leaf), parsed(root), instant),
    ).toMatchObject({ status: 'good' })
    expect(await checkOcsp(answer(request, 'R'), parsed(leaf), parsed(root), instant)).toMatchObject({
      status: 'revoked',
    })
  })

  it('are not believed by others, about others, or at other times', async () => {
    const request = new Uint8Array(readFileSync(join(folder, 'request.der')))
    // A certificate of the same issuer that is not for this.
    await expect(
      checkOcsp(answer(request, 'V', { signer: 'leaf' }), parsed(leaf), parsed(root), instant),
    ).rejects.toThrow(/nobody who may/)
    const other = await certify('Test root', newKey(), undefined, 'authority')
    await expect(checkOcsp(response, parsed(leaf), parsed(other), instant)).rejects.toThrow(/nobody who may/)
    await expect(
      checkOcsp(response, parsed(await certify('Another', newKey(), root, 'entity')), parsed(root), instant),
    ).rejects.toThrow(/another certificate/)
    await expect(checkOcsp(response, parsed(leaf), parsed(root), instant + 3 * 86_400)).rejects.toThrow(
      /does not hold/,
    )
    await expect(checkOcsp(response, parsed(leaf), parsed(root), instant - 3 * 86_400)).rejects.toThrow(
      /does not hold/,
    )
  })

  it('with any byte changed, or cut off, are not good, and nothing else is thrown', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(response.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
        const changed = Uint8Array.from(response, (byte, index) => (index === at ? byte ^ flip : byte))
        for (const bytes of [changed, response.subarray(0, at)]) {
          const found = await checkOcsp(bytes, parsed(leaf), parsed(root), instant).catch((error) => error)
          // What isn't signed are the outermost frames and certificates that nobody needs.
          if (!(found instanceof Error)) expect(found).toMatchObject({ status: 'good' })
          else expect(found).toMatchObject({ code: expect.stringMatching(/^bad-/) })
        }
      }),
      { numRuns: 300 },
    )
  })
})
