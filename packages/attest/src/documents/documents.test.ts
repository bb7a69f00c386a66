import 'reflect-metadata'
import { createHash, randomBytes, X509Certificate } from 'node:crypto'
import { type DevelopmentPlatform, DevelopmentRoot } from '@cloister/development/root'
import { Extension, X509CertificateGenerator } from '@peculiar/x509'
import { encode, Token, Type } from 'cborg'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import {
  dstackReportData,
  EvidenceError,
  type QuoteEndorsements,
  readEvidenceDocuments,
  verifyEvidenceDocument,
} from '../index.ts'
import { issueTlsCertificate, newTlsKey } from '../node/tls.ts'

const instant = Math.floor(Date.now() / 1000)
const bytesOf = (text: string) => new Uint8Array(Buffer.from(text))
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const sha256 = (data: string | Uint8Array) => createHash('sha256').update(data).digest()

describe('evidence out of a file', () => {
  let root: DevelopmentRoot
  let platform: DevelopmentPlatform
  let endorsements: QuoteEndorsements
  beforeAll(async () => {
    root = await DevelopmentRoot.create()
    platform = await root.manufacture()
    endorsements = await root.endorsements()
  })

  const quoteOver = (data: Uint8Array) => {
    const reportData = new Uint8Array(64)
    reportData.set(data)
    return platform.quote(reportData)
  }
  const judge = async (
    file: Uint8Array,
    given: Partial<Parameters<typeof verifyEvidenceDocument>[1]> = {},
  ) => {
    const documents = await readEvidenceDocuments(
      file,
      given.nonce === undefined ? {} : { nonce: given.nonce },
    )
    return Promise.all(
      documents.map((document) =>
        verifyEvidenceDocument(document, { instant, root: root.trust, endorsements, ...given }),
      ),
    )
  }

  it('is found raw, in hexadecimal digits and in base64 of either alphabet, however it is broken into lines', async () => {
    const quote = quoteOver(Uint8Array.of(1, 2, 3))
    const base64 = Buffer.from(quote).toString('base64')
    for (const file of [
      quote,
      bytesOf(hex(quote)),
      bytesOf(`0x${hex(quote).toUpperCase()}\n`),
      bytesOf(base64.replace(/.{76}/g, '$&\r\n')),
      bytesOf(Buffer.from(quote).toString('base64url')),
      bytesOf(JSON.stringify(base64)),
    ]) {
      const [found, ...others] = await judge(file, { reportData: '010203' })
      expect(others).toEqual([])
      expect(found).toMatchObject({ form: 'TDX quote', genuine: true, simulated: true, problems: [] })
      expect(found?.sentence).toMatch(/^Simulated/)
    }
    const [other] = await judge(quote, { reportData: '010204' })
    expect(other?.problems.map(({ code }) => code)).toEqual(['report-data'])
  })

  it('says what it does not show, and where that comes from', async () => {
    const [alone] = await judge(quoteOver(Uint8Array.of(9)), { endorsements: undefined })
    expect(alone?.genuine).toBe(false)
    expect(alone?.missing.map(({ what }) => what)).toEqual([
      expect.stringContaining('Intel’s endorsements'),
      'what the report data stands for',
      expect.stringContaining('made just now'),
      expect.stringContaining('which app'),
      expect.stringContaining('which software'),
    ])
    expect(alone?.missing[0]?.from).toContain('api.trustedservices.intel.com')
  })

  it('of dstack’s getQuote holds what the answer names, or is refused', async () => {
    const quote = quoteOver(bytesOf('hello'))
    const answer = {
      quote: hex(quote),
      event_log: '[]',
      report_data: Buffer.from('hello').toString('hex'),
      vm_config: '{}',
    }
    const [found] = await judge(bytesOf(JSON.stringify(answer)))
    expect(found?.groups.map(({ title }) => title)).toContain('Binding: what the report data stands for')
    // An empty log explains no register.
    expect(found?.problems.map(({ code }) => code)).toContain('rtmr0')
    const [forged] = await judge(bytesOf(JSON.stringify({ ...answer, report_data: '00' })))
    expect(forged?.problems.map(({ code }) => code)).toContain('binding')
  })

  it('in a certificate is bound to its key, as dstack and Gramine do it', async () => {
    const key = newTlsKey()
    const spki = new X509Certificate(await issueTlsCertificate(key, { host: 'x' })).publicKey.export({
      format: 'der',
      type: 'spki',
    })
    for (const data of [await dstackReportData('ratls-cert', spki), sha256(spki)]) {
      const pem = await issueTlsCertificate(key, { host: 'x', quote: quoteOver(data) })
      for (const file of [bytesOf(pem), new Uint8Array(new X509Certificate(pem).raw)]) {
        const [found] = await judge(file)
        expect(found).toMatchObject({ form: 'RA-TLS certificate', genuine: true, problems: [] })
      }
    }
    const stolen = await issueTlsCertificate(newTlsKey(), { host: 'x', quote: quoteOver(sha256(spki)) })
    expect((await judge(bytesOf(stolen)))[0]?.problems.map(({ code }) => code)).toEqual(['binding'])
    const empty = await issueTlsCertificate(key, { host: 'x' })
    await expect(readEvidenceDocuments(bytesOf(empty))).rejects.toMatchObject({ code: 'no-evidence' })
  })

  it('in a certificate is bound through claims too, and only to the key they name', async () => {
    const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
    const certify = async (claimed: (spki: Uint8Array) => Uint8Array) => {
      const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
      const spki = new Uint8Array(await crypto.subtle.exportKey('spki', keys.publicKey))
      const claims = encode({
        'pubkey-hash': encode([1, new Uint8Array(sha256(claimed(spki)))]),
        nonce: randomBytes(8),
      })
      const tokens = [new Token(Type.tag, 60_000), new Token(Type.array, 2)]
      const parts = [new Token(Type.bytes, quoteOver(sha256(claims))), new Token(Type.bytes, claims)]
      const evidence = encode({}, { typeEncoders: { Object: () => [...tokens, ...parts] } })
      const certificate = await X509CertificateGenerator.createSelfSigned({
        name: 'CN=test',
        keys,
        signingAlgorithm: algorithm,
        extensions: [new Extension('2.23.133.5.4.9', false, evidence)],
      })
      return judge(new Uint8Array(certificate.rawData))
    }
    const [good] = await certify((spki) => spki)
    expect(good).toMatchObject({ form: 'RA-TLS certificate (tagged evidence)', genuine: true, problems: [] })
    const [bad] = await certify(() => randomBytes(91))
    expect(bad?.problems.map(({ code }) => code)).toEqual(['binding'])
  })

  it('in a report of a private inference service binds key, TLS key and number; GPUs answer the same number', async () => {
    const nonce = hex(randomBytes(32))
    const address = randomBytes(20)
    const fingerprint = randomBytes(32)
    const plain = Buffer.concat([address, Buffer.alloc(12), Buffer.from(nonce, 'hex')])
    const pinned = Buffer.concat([sha256(Buffer.concat([address, fingerprint])), Buffer.from(nonce, 'hex')])
    const gpu = await root.manufactureGpu('h200')
    const evidence = Buffer.from(gpu.report(nonce)).toString('base64')
    const certificate = Buffer.from(gpu.certificates).toString('base64')
    const common = { signing_address: `0x${hex(address)}`, signing_algo: 'ecdsa', request_nonce: nonce }
    const report = {
      gateway_attestation: {
        ...common,
        intel_quote: hex(quoteOver(pinned)),
        tls_cert_fingerprint: hex(fingerprint),
      },
      model_attestations: [
        {
          ...common,
          model_name: 'a-model',
          intel_quote: Buffer.from(quoteOver(plain)).toString('base64'),
          nvidia_payload: JSON.stringify({
            nonce,
            arch: 'HOPPER',
            evidence_list: [{ evidence, certificate }],
          }),
        },
      ],
    }
    const [gateway, model] = await judge(bytesOf(JSON.stringify(report)), { nonce })
    expect(gateway).toMatchObject({ form: 'private inference report: gateway', genuine: true, problems: [] })
    expect(model?.claims).toEqual({ signingAddress: `0x${hex(address)}`, model: 'a-model' })
    // Its GPU is a made one, whose keys are not NVIDIA's; the rest holds.
    expect(model?.problems.map(({ code }) => code)).toEqual(['gpu'])
    expect(model?.problems[0]?.message).toContain('NVIDIA')
    const swapped = {
      ...report,
      gateway_attestation: { ...report.gateway_attestation, signing_address: hex(randomBytes(20)) },
    }
    expect(
      (await judge(bytesOf(JSON.stringify(swapped)), { nonce }))[0]?.problems.map(({ code }) => code),
    ).toEqual(['binding'])
    const stale = await judge(bytesOf(JSON.stringify(report)), { nonce: hex(randomBytes(32)) })
    expect(stale[0]?.problems.map(({ code }) => code)).toEqual(['nonce'])
  })

  it('in an ACI report binds its keys and the number asked for', async () => {
    const nonce = hex(randomBytes(32))
    const keyset = {
      subject: null,
      tls_public_keys: [],
      receipt_signing_keys: [{ public_key: '00', key_id: 'k', algo: 'ed25519' }],
      not_after: 2_000_000_000,
    }
    const canonical =
      '{"not_after":2000000000,"receipt_signing_keys":[{"algo":"ed25519","key_id":"k","public_key":"00"}],"subject":null,"tls_public_keys":[]}'
    const statement = (number: string) =>
      sha256(
        `{"keyset_digest":"sha256:${sha256(canonical).toString('hex')}","nonce":${number},"purpose":"aci.report_data.v1"}`,
      )
    const report = (number: string, served: object = keyset) => {
      const evidence = { quote: hex(quoteOver(statement(number))), event_log: null }
      const attestation = {
        tee_type: 'tdx',
        workload_keyset: served,
        report_data: statement(number).toString('hex'),
        evidence,
      }
      return bytesOf(JSON.stringify({ api_version: 'aci/1', attestation }))
    }
    expect((await judge(report(`"${nonce}"`), { nonce }))[0]).toMatchObject({
      form: 'ACI attestation report',
      genuine: true,
      problems: [],
    })
    expect((await judge(report('null')))[0]).toMatchObject({ genuine: true })
    expect((await judge(report(`"${nonce}"`)))[0]?.problems.map(({ code }) => code)).toEqual(['binding'])
    const other = { ...keyset, subject: 'somebody else' }
    expect((await judge(report('null', other)))[0]?.problems.map(({ code }) => code)).toEqual(['binding'])
  })

  it('of SEV-SNP and Nitro is known with and without certificates', async () => {
    const snp = await root.manufactureSnp()
    const reportData = new Uint8Array(64).fill(7)
    const report = snp.report(reportData)
    const endorsements = await snp.endorsements()
    const [bare] = await judge(report, { endorsements: undefined })
    expect(bare).toMatchObject({ form: 'SEV-SNP report', genuine: false })
    expect(bare?.missing.map(({ from }) => from).join()).toContain('kdsintf.amd.com')
    const both = new Uint8Array([...report, ...bytesOf(endorsements.certificates)])
    const [whole] = await judge(both, { endorsements: undefined })
    expect(whole).toMatchObject({ form: 'SEV-SNP report with certificates', genuine: true, problems: [] })
    const enclave = await root.manufactureEnclave()
    const [nitro] = await judge(bytesOf(Buffer.from(enclave.document(reportData)).toString('base64')))
    expect(nitro).toMatchObject({ form: 'COSE document', genuine: true, problems: [] })
  })

  it('never throws but an EvidenceError, whatever bytes there are', async () => {
    const quote = quoteOver(Uint8Array.of(1))
    const heads = [
      '0400020081000000',
      '8444',
      'd28458',
      '02000000',
      '3082',
      '000003',
      '7b2271756f7465223a',
    ].map((head) => Buffer.from(head, 'hex'))
    const mutated = fc
      .tuple(fc.nat(quote.length - 1), fc.nat(255))
      .map(([at, byte]) => quote.map((old, index) => (index === at ? byte : old)))
    const headed = fc
      .tuple(fc.constantFrom(...heads), fc.uint8Array({ maxLength: 2000 }))
      .map(([head, rest]) => new Uint8Array([...head, ...rest]))
    const json = fc.json().map(bytesOf)
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.uint8Array(), headed, mutated, json), async (file) => {
        const documents = await readEvidenceDocuments(file).catch((error) => {
          if (!(error instanceof EvidenceError)) throw error
          return []
        })
        for (const document of documents)
          await verifyEvidenceDocument(document, { instant, root: root.trust })
      }),
      { numRuns: 300 },
    )
  })
})
