import { equalBytes } from '../bytes.ts'
import { type Certificate, isSignedWith } from './certificate.ts'

/** Extensions that are understood, so that being critical does no harm. */
const KNOWN_CRITICAL = new Set(['2.5.29.15', '2.5.29.19'])

/**
 * Signatures seen to be right, so that a prepared chain costs nothing the second time. Keyed by objects:
 * nobody can forge a hit.
 */
const signedBy = new WeakMap<Certificate, WeakSet<Certificate>>()

/**
 * Checks everything about a chain that doesn't depend on time: the end first, each certificate signed by the
 * next and the last one the root itself or signed by it, names, authority flags, path lengths, critical
 * extensions (RFC 5280, section 6.1). Returns what is wrong, a sentence without its end, or undefined.
 */
export async function flawOfChain(
  chain: readonly Certificate[],
  root: Certificate,
  end: 'entity' | 'authority' = 'entity',
): Promise<string | undefined> {
  const [leaf] = chain
  if (!leaf || chain.length < 2) return `the chain has ${chain.length} certificates, which is too few`
  if (leaf.isAuthority !== (end === 'authority'))
    return `${leaf.name} is ${leaf.isAuthority ? 'an authority' : 'an end entity'}`
  const last = chain.at(-1) as Certificate
  const whole = equalBytes(last.der, root.der) ? [...chain.slice(0, -1), root] : [...chain, root]
  for (const [depth, certificate] of whole.entries()) {
    for (const [oid, { critical }] of certificate.extensions)
      if (critical && !KNOWN_CRITICAL.has(oid))
        return `${certificate.name} has an unknown critical extension, ${oid}`
    if (depth === 0) continue
    if (!certificate.isAuthority || !certificate.maySignCertificates)
      return `${certificate.name} may not sign certificates`
    if (certificate.pathLength < depth - (end === 'entity' ? 1 : 0))
      return `${certificate.name} may not stand so high in a chain`
    const below = whole[depth - 1] as Certificate
    if (!equalBytes(below.issuer, certificate.subject))
      return `${below.name} was not issued by ${certificate.name}`
    if (!(await isSigned(below, certificate)))
      return `the signature of ${certificate.name} on ${below.name} is wrong`
  }
  return undefined
}

/** The first certificate that isn't valid at the instant, Unix seconds. */
export function expiredIn(chain: readonly Certificate[], instant: number): Certificate | undefined {
  return chain.find(({ notBefore, notAfter }) => instant < notBefore || instant > notAfter)
}

async function isSigned(certificate: Certificate, issuer: Certificate): Promise<boolean> {
  if (signedBy.get(certificate)?.has(issuer)) return true
  if (!(await isSignedWith(issuer, certificate.algorithm, certificate.tbs, certificate.signature)))
    return false
  const issuers = signedBy.get(certificate) ?? new WeakSet()
  signedBy.set(certificate, issuers.add(issuer))
  return true
}
