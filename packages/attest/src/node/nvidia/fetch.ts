import { createHash } from 'node:crypto'
import * as z from 'zod'
import { EvidenceError } from '../../errors.ts'
import { parseCertificate } from '../../x509/certificate.ts'
import { ocspRequest } from '../../x509/ocsp.ts'
import { readPem } from '../../x509/pem.ts'

const RIM = 'https://rim.attestation.nvidia.com/v1/rim'
const OCSP = 'https://ocsp.ndis.nvidia.com'
const MAX_BYTES = 1024 * 1024
const Answer = z.object({ rim: z.base64().max(MAX_BYTES) })

/** Where to ask, and how. */
export interface FetchOptions {
  baseUrl?: string
  signal?: AbortSignal
  fetch?: typeof globalThis.fetch
}

/** What names the reference values of a GPU: claims of its report (`verifyGpuReport`). */
export interface GpuVersions {
  /** Die, such as `GH100`. */
  die: string
  driver: string
  /** `96.00.5E.00.01`. */
  firmware: string
  project: string
  projectSku: string
  chipSku: string
}

/** Names of a GPU's RIMs in NVIDIA's service. */
export function rimIdsOf({ die, driver, firmware, project, projectSku, chipSku }: GpuVersions): {
  driver: string
  firmware: string
} {
  return {
    driver: `NV_GPU_DRIVER_${die}_${driver}`,
    firmware:
      `NV_GPU_VBIOS_${project}_${projectSku}_${chipSku}_${firmware.replaceAll('.', '')}`.toUpperCase(),
  }
}

/**
 * Gets a Reference Integrity Manifest from NVIDIA's service. Nothing is verified here: `verifyGpuRim` does.
 * Throws `no-endorsements`.
 */
export async function fetchGpuRim(
  id: string,
  { baseUrl = RIM, ...options }: FetchOptions = {},
): Promise<string> {
  const bytes = await ask(
    `${baseUrl}/${encodeURIComponent(id)}`,
    {},
    'NVIDIA’s service of reference values',
    options,
  )
  try {
    return Buffer.from(Answer.parse(JSON.parse(Buffer.from(bytes).toString('utf8'))).rim, 'base64').toString(
      'utf8',
    )
  } catch (cause) {
    throw new EvidenceError(
      'no-endorsements',
      'NVIDIA’s service of reference values answered with something that is none.',
      { cause },
    )
  }
}

/**
 * Gets OCSP responses about the certificates of a chain (PEM, the end first) but the last, in their order.
 * Nothing is verified here: `verifyGpuReport` does. Throws `no-endorsements`.
 */
export async function fetchOcsp(
  chainPem: string,
  { baseUrl = OCSP, ...options }: FetchOptions = {},
): Promise<Uint8Array[]> {
  const chain = readPem(chainPem, 'The chain').map((der) =>
    parseCertificate(der, 'A certificate of the chain'),
  )
  const sha1 = async (data: Uint8Array) => new Uint8Array(createHash('sha1').update(data).digest())
  return Promise.all(
    chain.slice(0, -1).map(async (certificate, index) => {
      const body = await ocspRequest(certificate, chain[index + 1] as typeof certificate, sha1)
      const headers = { 'content-type': 'application/ocsp-request' }
      return ask(
        baseUrl,
        { method: 'POST', headers, body: new Uint8Array(body) },
        'The OCSP responder',
        options,
      )
    }),
  )
}

async function ask(
  url: string,
  init: RequestInit,
  who: string,
  { signal, fetch = globalThis.fetch }: Omit<FetchOptions, 'baseUrl'>,
): Promise<Uint8Array> {
  const response = await fetch(url, { ...init, ...(signal && { signal }), redirect: 'error' }).catch(
    (cause) => {
      throw new EvidenceError('no-endorsements', `${who} can not be reached.`, { cause })
    },
  )
  if (!response.ok)
    throw new EvidenceError('no-endorsements', `${who} answered with status ${response.status}.`)
  const bytes = new Uint8Array(await response.arrayBuffer())
  if (bytes.length > MAX_BYTES)
    throw new EvidenceError('no-endorsements', `${who} answered with more than ${MAX_BYTES} bytes.`)
  return bytes
}
