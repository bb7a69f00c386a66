import { createServer, type Server } from 'node:http'
import type { DevelopmentRoot } from '@cloister/attest/devnet'
import { CloisterError } from '@cloister/core'

/** The collateral service of a development network. */
export interface Collateral {
  port: number
  /** Serves a label of a platform's; see `verifyLabels`. */
  label(platform: string, token: string): void
  close(): Promise<void>
}

/**
 * Answers as Intel's PCS does (API v4), for platforms of the development root: revocation lists, TCB info, the quoting
 * enclave's identity; the key set of its GPU tokens; and labels of platforms. Every answer is signed anew, so it never expires.
 */
export async function serveCollateral(root: DevelopmentRoot, port: number): Promise<Collateral> {
  const labels = new Map<string, string>()
  const server = createServer((request, response) => {
    answer(root, labels, new URL(request.url ?? '/', 'http://collateral').pathname).then(
      (found) => {
        response.writeHead(found ? 200 : 404, found?.headers).end(found?.body)
      },
      () => response.writeHead(500).end(),
    )
  })
  await listen(server, port)
  const address = server.address()
  return {
    label: (platform, token) => labels.set(platform, token),
    port: typeof address === 'object' && address ? address.port : port,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}

async function answer(
  root: DevelopmentRoot,
  labels: ReadonlyMap<string, string>,
  path: string,
): Promise<{ headers: Record<string, string>; body: string | Buffer } | undefined> {
  if (path === '/nvidia/keys.json') return { headers: { 'content-type': 'application/json' }, body: JSON.stringify(root.gpuKeys) }
  const platform = /^\/labels\/([0-9a-f]{64})$/.exec(path)?.[1]
  const label = platform && labels.get(platform)
  if (platform) return { headers: { 'content-type': 'application/json' }, body: JSON.stringify({ labels: label ? [label] : [] }) }
  if (path === '/health') return { headers: {}, body: 'ok\n' }
  const collateral = await root.collateral()
  const chain = (name: string, pem: string) => ({ [name]: encodeURIComponent(pem) })
  const signed = (name: string, document: string, signature: string) => `{"${name}":${document},"signature":"${signature}"}`
  const json = { 'content-type': 'application/json' }
  switch (path) {
    case '/sgx/certification/v4/pckcrl':
      return { headers: chain('SGX-PCK-CRL-Issuer-Chain', collateral.pck_crl_issuer_chain), body: Buffer.from(collateral.pck_crl, 'hex') }
    case '/sgx/certification/v4/rootcacrl':
      return { headers: {}, body: collateral.root_ca_crl }
    case '/tdx/certification/v4/tcb':
      return {
        headers: { ...json, ...chain('TCB-Info-Issuer-Chain', collateral.tcb_info_issuer_chain) },
        body: signed('tcbInfo', collateral.tcb_info, collateral.tcb_info_signature),
      }
    case '/tdx/certification/v4/qe/identity':
      return {
        headers: { ...json, ...chain('SGX-Enclave-Identity-Issuer-Chain', collateral.qe_identity_issuer_chain) },
        body: signed('enclaveIdentity', collateral.qe_identity, collateral.qe_identity_signature),
      }
    default:
      return undefined
  }
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => reject(new CloisterError('port-taken', `Port ${port} is taken by another program.`, { cause })))
    server.listen(port, '127.0.0.1', () => resolve())
  })
}
