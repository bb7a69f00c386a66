import { ByteReader, equalBytes, fromBase64, isZero, toHex } from '../bytes.ts'
import { EvidenceError } from '../errors.ts'
import { Findings, type Rule } from '../findings.ts'
import type { TrustRoot } from '../intel/root.ts'
import { NVIDIA_DEVICE } from '../vendor-roots.ts'
import type { Verdict } from '../verdict.ts'
import { type Certificate, keyOf, parseCertificate } from '../x509/certificate.ts'
import { expiredIn, flawOfChain } from '../x509/chain.ts'
import { checkOcsp } from '../x509/ocsp.ts'
import { readPem } from '../x509/pem.ts'

/** GET_MEASUREMENTS (DSP0274 1.1, section 10.11): four bytes of head, the nonce, the slot. */
const REQUEST_BYTES = 37
const GET_MEASUREMENTS = 0xe0
const MEASUREMENTS = 0x60
const SIGNATURE_BYTES = 96
const MAX_REPORT_BYTES = 64 * 1024
/** Fields of NVIDIA's opaque data (nvtrust, local GPU verifier, `attestation/spdm_msrt_resp_msg.py`). */
const OPAQUE = { driver: 3, vbios: 6, videoDecoder: 11, chipSku: 15, project: 17, projectSku: 18 } as const
/** The measurement of the video decoder, which says nothing where the decoder is off. */
const VIDEO_DECODER = { measurement: 36, off: 0x55 } as const
/** NVIDIA's names of GPUs' boot keys begin with the die: `GH100 A01 GSP BROM`. */
const DIE = /^G[A-Z]\d{3} /
/** Certificates with a responder name it here (RFC 5280, section 4.2.2.1). */
const AUTHORITY_INFORMATION = '1.3.6.1.5.5.7.1.1'
const SPDM = 'DMTF DSP0274 (SPDM) 1.1, section 10.11'

const root = parseCertificate(fromBase64(NVIDIA_DEVICE, 'NVIDIA’s root'), 'NVIDIA’s root')

const RULE = {
  chain: {
    code: 'gpu-chain',
    title: 'The GPU’s key chains to NVIDIA’s device root',
    source: 'nvtrust',
    otherwise: 'The GPU’s key does not chain to NVIDIA’s device root.',
  },
  time: {
    code: 'gpu-time',
    title: 'The chain is valid at the instant',
    source: 'RFC 5280, section 4.1.2.5',
    otherwise: 'The chain is not valid at the instant.',
  },
  nonce: {
    code: 'gpu-nonce',
    title: 'The report was made for this nonce',
    source: SPDM,
    otherwise: 'The report was made for another nonce.',
  },
  signature: {
    code: 'gpu-signature',
    title: 'The report is signed by the GPU’s key',
    source: SPDM,
    otherwise: 'The signature on the GPU’s report is wrong.',
  },
  ocsp: {
    code: 'gpu-ocsp',
    title: 'Its issuer says that a certificate is good',
    source: 'RFC 6960',
    otherwise: 'A certificate is not known to be good.',
  },
  golden: {
    code: 'gpu-measurements',
    title: 'Each measurement is one of those published for driver and firmware',
    source: 'NVIDIA RIM',
    otherwise: 'A measurement is not among those published for driver and firmware.',
  },
} satisfies Record<string, Rule>

/** A GPU's measurement report, read. */
interface GpuReport {
  nonce: Uint8Array
  /** By index, SHA-384 each. */
  measurements: Map<number, Uint8Array>
  opaque: Map<number, Uint8Array>
  signed: Uint8Array
  /** r ‖ s. */
  signature: Uint8Array
}

/**
 * Reads a raw SPDM measurement report: the request and the response, as the driver hands them out. Throws
 * `bad-report` or `truncated`.
 */
function parseGpuReport(bytes: Uint8Array): GpuReport {
  if (bytes.length > MAX_REPORT_BYTES)
    throw new EvidenceError('bad-report', `The GPU’s report is longer than ${MAX_REPORT_BYTES} bytes.`)
  const reader = new ByteReader(bytes, 'The GPU’s report')
  const request = reader.take(REQUEST_BYTES)
  const [, responseCode] = reader.take(4)
  if (request[1] !== GET_MEASUREMENTS || responseCode !== MEASUREMENTS)
    throw new EvidenceError('bad-report', 'The GPU’s report is no SPDM measurement report.')
  const [blocks = 0] = reader.take(1)
  const recordLength = reader.u16() + (reader.take(1)[0] ?? 0) * 65_536
  const record = new ByteReader(reader.take(recordLength), 'The measurement record')
  // The responder's own nonce.
  reader.take(32)
  const opaque = readOpaque(reader.take(reader.u16()))
  const signature = reader.take(SIGNATURE_BYTES)
  if (reader.left > 0) throw new EvidenceError('bad-report', 'The GPU’s report is followed by stray bytes.')
  const measurements = readMeasurements(record, blocks)
  return {
    nonce: request.subarray(4, 36),
    measurements,
    opaque,
    signed: bytes.subarray(0, bytes.length - SIGNATURE_BYTES),
    signature,
  }
}

/**
 * Verifies a raw GPU report with its certificate chain (PEM, the GPU's first), offline. `nonce`: 32 bytes,
 * to bind the GPU to a worker take a number out of its quote. `golden`: the measurements published for its
 * driver and firmware, by index, in hexadecimal digits (`goldenMeasurements`); without them nothing is known
 * of what runs on the GPU, and the verdict isn't genuine. `ocsp`: a response about each certificate that its
 * issuer answers for; without any, revocation isn't checked, and the verdict says so. Never throws for what
 * is in the evidence.
 */
export async function verifyGpuReport(
  bytes: Uint8Array,
  chainPem: string,
  {
    nonce,
    golden,
    ocsp,
    instant,
    trust = root,
  }: {
    nonce: string
    golden: Map<number, string[]>
    ocsp?: readonly Uint8Array[]
    instant: number
    trust?: Certificate
  },
): Promise<Verdict> {
  const findings = new Findings()
  const report = await findings.attempt(() => parseGpuReport(bytes))
  let chained = false
  let chain: Certificate[] = []
  if (report)
    await findings.attempt(async () => {
      chain = readChain(chainPem)
      chained = await checkMaker(findings, report, chain, { nonce, instant, trust })
      if (ocsp) await checkRevocation(findings, chain, trust, ocsp, instant)
      const isOff = report.opaque.get(OPAQUE.videoDecoder)?.[0] === VIDEO_DECODER.off
      const wanted = [...golden].filter(([index]) => !isOff || index !== VIDEO_DECODER.measurement)
      const wrong = wanted.find(
        ([index, values]) => !values.includes(toHex(report.measurements.get(index) ?? new Uint8Array())),
      )
      findings.note(RULE.golden, wanted.length > 0 && wrong === undefined, wrong && `measurement ${wrong[0]}`)
    })
  return {
    genuine: findings.problems.length === 0 && report !== undefined,
    kind: 'nvidia-gpu',
    root: chained && trust === root ? 'nvidia' : undefined,
    simulated: false,
    tcb: undefined,
    measurements: Object.fromEntries(
      [...(report?.measurements ?? [])].map(([index, value]) => [`measurement${index}`, toHex(value)]),
    ),
    reportData: report ? toHex(report.nonce) : '',
    debug: false,
    platform: report && chain[0] ? ueidOf(chain[0]) : undefined,
    claims: report ? { ...claimsOf(report, chain), revocationChecked: ocsp ? 'yes' : 'no' } : {},
    instant,
    checks: findings.checks,
    problems: findings.problems,
  }
}

/**
 * Which GPU made a raw report, and of what SKU it is: the number that tokens name it by (UEID), and the chip
 * SKU, where the report says so. Checks certificates, instant, signature and nonce; of what runs on the GPU
 * it knows nothing (tokens do). `root` of a development network stands in for NVIDIA's. Throws `bad-report`,
 * or what reading it throws.
 */
export async function identifyGpu(
  bytes: Uint8Array,
  chainPem: string,
  { nonce, instant, root: network }: { nonce: string; instant: number; root?: TrustRoot },
): Promise<{ ueid: string; chipSku: string | undefined }> {
  const findings = new Findings()
  const report = parseGpuReport(bytes)
  const chain = readChain(chainPem)
  await checkMaker(findings, report, chain, {
    nonce,
    instant,
    trust: network?.name === 'devnet' ? network.certificate : root,
  })
  const [problem] = findings.problems
  if (problem) throw new EvidenceError('bad-report', problem.message)
  return { ueid: ueidOf(chain[0] as Certificate), chipSku: claimsOf(report, chain)['chipSku'] }
}

/** The GPU's certificates, its own first. Throws `bad-pem`, `bad-base64`, `bad-certificate` or `bad-der`. */
function readChain(pem: string): Certificate[] {
  return readPem(pem, 'The GPU’s certificates').map((der) =>
    parseCertificate(der, 'A certificate of the GPU’s'),
  )
}

/**
 * Whether a GPU under this root made the report, for this nonce; true if its certificates chain to the root.
 */
async function checkMaker(
  findings: Findings,
  report: GpuReport,
  chain: readonly Certificate[],
  { nonce, instant, trust }: { nonce: string; instant: number; trust: Certificate },
): Promise<boolean> {
  const flaw = await flawOfChain(chain, trust)
  const chained = findings.note(RULE.chain, flaw === undefined, flaw)
  const expired = expiredIn(chain, instant)
  findings.note(RULE.time, expired === undefined, expired?.name)
  const leaf = chain[0] as Certificate
  const key = leaf.publicKey.kind === 'P-384' ? await keyOf(leaf) : undefined
  findings.note(RULE.signature, (await key?.verify(report.signed, report.signature)) === true)
  findings.note(
    RULE.nonce,
    toHex(report.nonce) === nonce.toLowerCase().replace(/^0x/, ''),
    toHex(report.nonce),
    nonce,
  )
  return chained
}

/** As NVIDIA's service names a GPU, UEID: the number that its own certificate has. */
function ueidOf({ serial }: Certificate): string {
  return BigInt(`0x${serial}`).toString()
}

/** DMTF measurement blocks (DSP0274 1.1, table 45): index, specification, size, then type, size and value. */
function readMeasurements(record: ByteReader, blocks: number): Map<number, Uint8Array> {
  const measurements = new Map<number, Uint8Array>()
  for (let i = 0; i < blocks; i++) {
    const [index = 0, specification = 0] = record.take(2)
    const block = new ByteReader(record.take(record.u16()), 'A measurement block')
    if (specification !== 1 || measurements.has(index))
      throw new EvidenceError('bad-report', 'A measurement block is not as DMTF has it, or there twice.')
    block.take(1)
    measurements.set(index, block.take(block.u16()))
    if (block.left > 0)
      throw new EvidenceError('bad-report', 'A measurement block holds more than its value.')
  }
  if (record.left > 0)
    throw new EvidenceError('bad-report', 'The measurement record holds more than its blocks.')
  return measurements
}

function readOpaque(data: Uint8Array): Map<number, Uint8Array> {
  const fields = new Map<number, Uint8Array>()
  for (const reader = new ByteReader(data, 'The GPU’s opaque data'); reader.left > 0; ) {
    const type = reader.u16()
    fields.set(type, reader.take(reader.u16()))
  }
  return fields
}

function claimsOf({ opaque }: GpuReport, chain: readonly Certificate[]): Record<string, string> {
  const text = (type: number) => {
    const value = opaque.get(type)
    return value && !isZero(value)
      ? new TextDecoder()
          .decode(value)
          .replace(/[^\x20-\x7e]/g, '')
          .slice(0, 64)
      : undefined
  }
  const named = {
    driver: text(OPAQUE.driver),
    chipSku: text(OPAQUE.chipSku),
    project: text(OPAQUE.project),
    projectSku: text(OPAQUE.projectSku),
  }
  const model = chain.find(({ name }) => DIE.test(name) && name.includes('BROM'))?.name
  const firmware = firmwareOf(opaque.get(OPAQUE.vbios))
  const found = { ...named, model, firmware }
  return Object.fromEntries(
    Object.entries(found).filter((entry): entry is [string, string] => entry[1] !== undefined),
  )
}

/** `96.00.9F.00.01`: four bytes, little endian, and the first of the four behind them. */
function firmwareOf(bytes: Uint8Array | undefined): string | undefined {
  if (bytes?.length !== 8) return undefined
  const digits = [3, 2, 1, 0, 4].map((index) => toHex(bytes.subarray(index, index + 1)))
  return digits.join('.').toUpperCase()
}

/**
 * Every certificate above the GPU's own, but the root, is to be good by the word of its issuer. The GPU's
 * own has no responder: it is made at the factory.
 */
async function checkRevocation(
  findings: Findings,
  chain: readonly Certificate[],
  trust: Certificate,
  responses: readonly Uint8Array[],
  instant: number,
): Promise<void> {
  for (const [depth, certificate] of chain.entries()) {
    if (!certificate.extensions.has(AUTHORITY_INFORMATION) || equalBytes(certificate.der, trust.der)) continue
    const issuer = chain[depth + 1] ?? trust
    let why = 'no response'
    for (const response of responses) {
      try {
        const { status } = await checkOcsp(response, certificate, issuer, instant)
        why = status
        break
      } catch (error) {
        if (!(error instanceof EvidenceError)) throw error
      }
    }
    findings.note(RULE.ocsp, why === 'good', `${certificate.name}: ${why}`, 'good')
  }
}
