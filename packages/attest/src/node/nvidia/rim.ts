// Node alone: browsers are given what NVIDIA published, not the XML it came in.
import { createHash, verify as verifySignature, X509Certificate } from 'node:crypto'
import { fromBase64 } from '../../bytes.ts'
import { EvidenceError } from '../../errors.ts'
import { NVIDIA_RIM } from '../../vendor-roots.ts'
import { parseCertificate } from '../../x509/certificate.ts'
import { expiredIn, flawOfChain } from '../../x509/chain.ts'
import {
  C14nCanonicalization,
  childrenOfNode,
  elementsNamed,
  parseXml,
  SignedXml,
  type XmlNode,
} from './xml.ts'

const MAX_CHARACTERS = 512 * 1024
const MAX_INDEX = 255
const XMLDSIG = 'http://www.w3.org/2000/09/xmldsig#'
const SWID = 'http://standards.iso.org/iso/19770/-2/2015/schema.xsd'
const HASHES = 'http://www.w3.org/2001/04/xmlenc#sha384'
const C14N = {
  '1.0': 'http://www.w3.org/TR/2001/REC-xml-c14n-20010315',
  '1.1': 'http://www.w3.org/2006/12/xml-c14n11',
}
const ENVELOPED = 'http://www.w3.org/2000/09/xmldsig#enveloped-signature'
const ECDSA_SHA384 = 'http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384'
const SHA384 = 'http://www.w3.org/2001/04/xmldsig-more#sha384'
const MAX_CERTIFICATES = 8

const rimRoot = parseCertificate(
  fromBase64(NVIDIA_RIM, 'NVIDIA’s root for reference values'),
  'NVIDIA’s root for reference values',
)

/** Reference values of one driver or firmware, out of a RIM whose signature holds. */
export interface GpuReferenceValues {
  /** As NVIDIA writes it: `550.90.07`, `96.00.5E.00.01`. */
  version: string
  /** Die, such as `GH100`. */
  product: string
  /** By index in the GPU's report, which counts from one: the values that will do, in hexadecimal digits. */
  measurements: Map<number, string[]>
}

/**
 * Reads a Reference Integrity Manifest of NVIDIA's (a SWID tag, ISO/IEC 19770-2:2015, as TCG's RIM
 * Information Model has it) after checking its XML signature (W3C XML-Signature, enveloped, ECDSA on P-384)
 * and its certificates to NVIDIA's root for reference values at `instant`, Unix seconds. Only what is signed
 * is read. Throws `bad-rim`.
 */
export async function verifyGpuRim(
  xml: string,
  { instant, trust = rimRoot }: { instant: number; trust?: typeof rimRoot },
): Promise<GpuReferenceValues> {
  if (xml.length > MAX_CHARACTERS || /<!DOCTYPE|<!ENTITY/i.test(xml))
    throw bad('is too long, or declares entities')
  const chain = await certificatesOf(xml, instant, trust)
  const signed = signedPart(xml, chain)
  const root = documentOf(signed).documentElement
  if (!root || root.namespaceURI !== SWID || root.localName !== 'SoftwareIdentity')
    throw bad('is no SWID tag')
  const meta = childOf(root, 'Meta')
  return {
    version: meta.getAttribute('colloquialVersion') ?? '',
    product: meta.getAttribute('product') ?? '',
    measurements: readMeasurements(childOf(root, 'Payload')),
  }
}

/**
 * What a GPU's report has to hold, out of the reference values of its driver and of its firmware. Throws
 * `bad-rim` where both speak of the same measurement.
 */
export function goldenMeasurements(
  driver: GpuReferenceValues,
  firmware: GpuReferenceValues,
): Map<number, string[]> {
  const both = [...driver.measurements.keys()].find((index) => firmware.measurements.has(index))
  if (both !== undefined)
    throw bad(`of the driver and that of the firmware both speak of measurement ${both}`)
  return new Map([...driver.measurements, ...firmware.measurements])
}

async function certificatesOf(xml: string, instant: number, trust: typeof rimRoot): Promise<X509Certificate> {
  const found = elementsNamed(documentOf(xml), XMLDSIG, 'X509Certificate').slice(0, MAX_CERTIFICATES)
  const ders = found.map((element) =>
    fromBase64((element.textContent ?? '').replace(/\s/g, ''), 'A certificate of the RIM'),
  )
  const chain = ders.map((der) => parseCertificate(der, 'A certificate of the RIM'))
  const flaw = await flawOfChain(chain, trust)
  if (flaw !== undefined) throw bad(`does not chain to NVIDIA’s root: ${flaw}`)
  const expired = expiredIn(chain, instant)
  if (expired) throw bad(`is signed with a certificate that is not valid at the instant: ${expired.name}`)
  return new X509Certificate(ders[0] as Uint8Array)
}

/** The part of the document that the signature is over, canonical: the whole, without the signature. */
function signedPart(xml: string, signer: X509Certificate): string {
  const verifier = new SignedXml({
    publicCert: signer.publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    getCertFromKeyInfo: () => null,
  })
  verifier.SignatureAlgorithms = { [ECDSA_SHA384]: EcdsaSha384 }
  verifier.HashAlgorithms = { [SHA384]: Sha384 }
  // 1.1 differs from 1.0 in xml:id and xml:base of parts alone (W3C, Canonical XML 1.1, section 1.4); here
  // the whole is signed.
  verifier.CanonicalizationAlgorithms = {
    [C14N['1.0']]: C14nCanonicalization,
    [C14N['1.1']]: Canonical11,
    [ENVELOPED]: verifier.CanonicalizationAlgorithms[ENVELOPED],
  }
  const signatures = elementsNamed(documentOf(xml), XMLDSIG, 'Signature')
  const [signature] = signatures
  if (!signature || signatures.length !== 1) throw bad('is signed not once')
  try {
    verifier.loadSignature(signature)
    if (!verifier.checkSignature(xml)) throw bad('is not signed by its signer')
  } catch (cause) {
    throw cause instanceof EvidenceError ? cause : bad('has a signature that does not hold', cause)
  }
  const [reference, ...others] = verifier.getReferences()
  const [content] = verifier.getSignedReferences()
  if (reference?.uri !== '' || others.length > 0 || content === undefined)
    throw bad('signs something other than its whole self')
  return content
}

function readMeasurements(payload: XmlNode): Map<number, string[]> {
  const measurements = new Map<number, string[]>()
  for (const resource of childrenOfNode(payload).filter(({ localName }) => localName === 'Resource')) {
    const [index, alternatives, size] = ['index', 'alternatives', 'size'].map((name) =>
      Number(resource.getAttribute(name)),
    ) as [number, number, number]
    if (
      resource.getAttribute('type') !== 'Measurement' ||
      !(index >= 0 && index < MAX_INDEX) ||
      !(alternatives >= 1 && alternatives <= 64) ||
      measurements.has(index + 1)
    )
      throw bad('has a measurement that is none')
    if (resource.getAttribute('active')?.toLowerCase() === 'false') continue
    const values = Array.from({ length: alternatives }, (_, position) =>
      (resource.getAttributeNS(HASHES, `Hash${position}`) ?? '').toLowerCase(),
    )
    if (!values.every((value) => /^[0-9a-f]+$/.test(value) && value.length === size * 2))
      throw bad(`has a value of measurement ${index} that is none`)
    measurements.set(index + 1, values)
  }
  return measurements
}

function documentOf(xml: string): XmlNode {
  try {
    return parseXml(xml)
  } catch (cause) {
    throw bad('is not well-formed XML', cause)
  }
}

function childOf(parent: XmlNode, name: string): XmlNode {
  const children = childrenOfNode(parent).filter(
    ({ localName, namespaceURI }) => localName === name && namespaceURI === SWID,
  )
  const [child] = children
  if (!child || children.length !== 1) throw bad(`has ${children.length} elements named ${name}`)
  return child
}

function bad(why: string, cause?: unknown): EvidenceError {
  return new EvidenceError('bad-rim', `The RIM ${why}.`, { cause })
}

class Canonical11 extends C14nCanonicalization {
  override getAlgorithmName(): string {
    return C14N['1.1']
  }
}

class EcdsaSha384 {
  readonly getAlgorithmName = () => ECDSA_SHA384
  readonly verifySignature = (material: string, key: string, value: string) =>
    // r ‖ s (XML-Signature 1.1, section 6.4.3).
    verifySignature(
      'sha384',
      Buffer.from(material),
      { key, dsaEncoding: 'ieee-p1363' },
      Buffer.from(value, 'base64'),
    )
  readonly getSignature = () => {
    throw new Error('only verifies')
  }
}

class Sha384 {
  readonly getAlgorithmName = () => SHA384
  readonly getHash = (xml: string) => createHash('sha384').update(xml, 'utf8').digest('base64')
}
