import { toHex } from '../bytes.ts'
import { EvidenceError } from '../errors.ts'

const ENTRY_BYTES = 24
const MAX_ENTRIES = 32
const MAX_BYTES = 64 * 1024

/** Certificates that a host gives along with a report, in DER. */
export interface CertificateTable {
  vcek?: Uint8Array
  vlek?: Uint8Array
  ask?: Uint8Array
  ark?: Uint8Array
}

/**
 * GUIDs of the table's entries (SEV-ES Guest-Hypervisor Communication Block Standardization, SNP Extended
 * Guest Request).
 */
const GUIDS: Record<keyof CertificateTable, string> = {
  vcek: '63da758d-e664-4564-adc5-f4b93be8accd',
  vlek: 'a8074bc2-a25a-483e-aae6-39c045a0b8a1',
  ask: '4ab7b379-bbac-4fe4-a02f-05aef327c782',
  ark: 'c0b406a4-a803-4952-9743-3fb6014cd0ae',
}
/** Hosts write the first three fields of a GUID in either byte order. */
const NAMES = new Map(
  Object.entries(GUIDS).flatMap(([name, guid]): [string, keyof CertificateTable][] => {
    const [a = '', b = '', c = '', ...rest] = guid.split('-')
    const turned = [a, b, c].map((field) => (field.match(/../g) ?? []).reverse().join(''))
    return [
      [guid.replaceAll('-', ''), name as keyof CertificateTable],
      [[...turned, ...rest].join(''), name as keyof CertificateTable],
    ]
  }),
)

/**
 * Reads the table of certificates that configfs-tsm gives as `auxblob` on SEV-SNP: entries of GUID, offset
 * and length, up to an empty one. Unknown entries are passed over. Throws `bad-certificate-table`. Nothing
 * is verified.
 */
export function parseCertificateTable(bytes: Uint8Array): CertificateTable {
  const bad = (why: string) =>
    new EvidenceError('bad-certificate-table', `The host’s table of certificates ${why}.`)
  if (bytes.length > MAX_BYTES) throw bad('is too long')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const table: CertificateTable = {}
  for (let entry = 0; ; entry++) {
    const at = entry * ENTRY_BYTES
    if (entry === MAX_ENTRIES || at + ENTRY_BYTES > bytes.length) throw bad('has no end')
    const guid = toHex(bytes.subarray(at, at + 16))
    const [offset, length] = [view.getUint32(at + 16, true), view.getUint32(at + 20, true)]
    if (/^0+$/.test(guid) && offset === 0 && length === 0) return table
    if (length === 0 || offset > bytes.length || length > bytes.length - offset)
      throw bad('points outside of itself')
    const name = NAMES.get(guid)
    if (name) table[name] = new Uint8Array(bytes.subarray(offset, offset + length))
  }
}
