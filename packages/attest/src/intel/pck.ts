import { EvidenceError } from '../errors.ts'
import type { Certificate } from '../x509/certificate.ts'
import { type Der, readDer, readOctets, readOid, readSequence, readSmallInteger } from '../x509/der.ts'

/** Intel's SGX extension (Intel SGX PCK Certificate and CRL Profile Specification, section 1.3.5). */
const SGX_EXTENSION = '1.2.840.113741.1.13.1'
const PPID = `${SGX_EXTENSION}.1`
const TCB = `${SGX_EXTENSION}.2`
const PCE_ID = `${SGX_EXTENSION}.3`
const FMSPC = `${SGX_EXTENSION}.4`

/** What a PCK certificate says of its platform. */
export interface PckFacts {
  /** 16 bytes: the platform's identity, as long as nobody resets it in the firmware. */
  ppid: Uint8Array
  /** 16 security version numbers, one a component. */
  componentSvns: number[]
  pceSvn: number
  /** 2 bytes. */
  pceId: Uint8Array
  /** 6 bytes: family, model, stepping and what else decides about updates. */
  fmspc: Uint8Array
}

const known = new WeakMap<Certificate, PckFacts>()

/** Reads Intel's extension of a PCK certificate. Throws `bad-certificate` or `bad-der`. */
export function readPck(certificate: Certificate): PckFacts {
  const facts = known.get(certificate) ?? readFacts(certificate)
  known.set(certificate, facts)
  return facts
}

function readFacts(certificate: Certificate): PckFacts {
  const what = 'Intel’s extension of the PCK certificate'
  const extension = certificate.extensions.get(SGX_EXTENSION)
  if (!extension) throw new EvidenceError('bad-certificate', 'The PCK certificate has no SGX extension.')
  const fields = byOid(readSequence(readDer(extension.value, what), what), what)
  const tcb = byOid(readSequence(fields.get(TCB), what), what)
  const componentSvns = Array.from({ length: 16 }, (_, index) =>
    readSvn(tcb.get(`${TCB}.${index + 1}`), 0xff),
  )
  return {
    ppid: ofLength(fields.get(PPID), 16, 'The PPID'),
    componentSvns,
    pceSvn: readSvn(tcb.get(`${TCB}.17`), 0xffff),
    pceId: ofLength(fields.get(PCE_ID), 2, 'The PCE id'),
    fmspc: ofLength(fields.get(FMSPC), 6, 'The FMSPC'),
  }
}

function byOid(entries: Der[], what: string): Map<string, Der> {
  const found = new Map<string, Der>()
  for (const entry of entries) {
    const [oid, value] = readSequence(entry, what)
    const name = readOid(oid, what)
    if (!value || found.has(name))
      throw new EvidenceError('bad-certificate', `${what} has ${name} twice or without a value.`)
    found.set(name, value)
  }
  return found
}

function readSvn(der: Der | undefined, max: number): number {
  const value = readSmallInteger(der, 'A security version number')
  if (value > max)
    throw new EvidenceError('bad-certificate', `A security version number is ${value}, above ${max}.`)
  return value
}

function ofLength(der: Der | undefined, length: number, what: string): Uint8Array {
  const bytes = readOctets(der, what)
  if (bytes.length !== length)
    throw new EvidenceError('bad-certificate', `${what} has ${bytes.length} bytes; it should have ${length}.`)
  return bytes
}
