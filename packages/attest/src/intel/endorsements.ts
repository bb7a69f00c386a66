import * as z from 'zod'
import { equalBytes, fromBase64, fromHex } from '../bytes.ts'
import { EvidenceError } from '../errors.ts'
import { Findings, type Rule } from '../findings.ts'
import { type Certificate, isSignedWith, keyOf, parseCertificate } from '../x509/certificate.ts'
import { expiredIn, flawOfChain } from '../x509/chain.ts'
import { splitPem } from '../x509/pem.ts'
import { isRevoked, parseRevocationList, type RevocationList } from '../x509/revocation-list.ts'
import { intelRoot, type TrustRoot } from './root.ts'
import { RULE } from './rules.ts'
import { parseQeIdentity, parseTcbInfo, type QeIdentity, type TcbInfo } from './tcb.ts'

const text = z.string().max(1024 * 1024)

/**
 * What Intel publishes about a family of platforms, in the form that the DCAP tools pass around: chains in
 * PEM, lists and signatures in hexadecimal digits, TCB info and identity as the very JSON text that was
 * signed.
 */
export const QuoteEndorsements = z.object({
  pck_crl_issuer_chain: text,
  root_ca_crl: text,
  pck_crl: text,
  tcb_info_issuer_chain: text,
  tcb_info: text,
  tcb_info_signature: text,
  qe_identity_issuer_chain: text,
  qe_identity: text,
  qe_identity_signature: text,
  /** For quotes that only refer to their PCK certificate. */
  pck_certificate_chain: text.nullish(),
})
export type QuoteEndorsements = z.infer<typeof QuoteEndorsements>

/** Endorsements where there are none: whatever is judged with them is refused. */
export const emptyEndorsements: QuoteEndorsements = {
  pck_crl_issuer_chain: '',
  root_ca_crl: '',
  pck_crl: '',
  tcb_info_issuer_chain: '',
  tcb_info: '',
  tcb_info_signature: '',
  qe_identity_issuer_chain: '',
  qe_identity: '',
  qe_identity_signature: '',
}

/** Endorsements that were read, and whose signatures were checked, once for many quotes. */
export interface PreparedEndorsements {
  root: TrustRoot
  tcbInfo: TcbInfo
  qeIdentity: QeIdentity
  lists: RevocationList[]
  pckList: RevocationList
  pckChain: Certificate[] | undefined
  /** Everything that has to be valid at the instant, Unix seconds. */
  windows: { what: string; from: number; until: number }[]
  findings: Findings
  readChain(pem: string, what: string): Certificate[]
}

const MAX_REMEMBERED = 64

/**
 * Reads endorsements and checks all signatures in them. What is wrong is in `findings`, and every quote
 * checked against it carries that. Throws an `EvidenceError` where the endorsements can't be read at all.
 */
export async function prepareEndorsements(
  raw: QuoteEndorsements,
  root: TrustRoot = intelRoot,
): Promise<PreparedEndorsements> {
  const parsed = QuoteEndorsements.safeParse(raw)
  if (!parsed.success)
    throw new EvidenceError(
      'bad-endorsements',
      `The endorsements lack ${parsed.error.issues[0]?.path.join('.')}, or it is no text.`,
    )
  const endorsements = parsed.data
  const findings = new Findings()
  const readChain = chainReader()
  const rootList = parseRevocationList(
    fromHex(endorsements.root_ca_crl, 'The root’s revocation list'),
    'The root’s revocation list',
  )
  const pckList = parseRevocationList(
    fromHex(endorsements.pck_crl, 'The PCK revocation list'),
    'The PCK revocation list',
  )
  const pckListChain = readChain(endorsements.pck_crl_issuer_chain, 'The chain of the PCK revocation list')
  const tcbChain = readChain(endorsements.tcb_info_issuer_chain, 'The chain of the TCB info')
  const qeChain = readChain(
    endorsements.qe_identity_issuer_chain,
    'The chain of the quoting enclave’s identity',
  )
  const tcbInfo = parseTcbInfo(endorsements.tcb_info)
  const qeIdentity = parseQeIdentity(endorsements.qe_identity)
  const lists = [rootList, pckList]

  await checkList(findings, RULE.rootList, rootList, root.certificate)
  const [listIssuer] = pckListChain
  const listFlaw = await flawOfChain(pckListChain, root.certificate, 'authority')
  findings.note(RULE.pckListChain, listFlaw === undefined, listFlaw)
  if (listIssuer) await checkList(findings, RULE.pckList, pckList, listIssuer)
  await checkDocument(
    findings,
    [RULE.tcbInfoChain, RULE.tcbInfo],
    endorsements.tcb_info,
    endorsements.tcb_info_signature,
    tcbChain,
    root,
  )
  await checkDocument(
    findings,
    [RULE.qeIdentityChain, RULE.qeIdentity],
    endorsements.qe_identity,
    endorsements.qe_identity_signature,
    qeChain,
    root,
  )
  const certificates = [...pckListChain, ...tcbChain, ...qeChain, root.certificate]
  const revoked = certificates.find((certificate) => isRevoked(certificate, lists))
  if (revoked) findings.note({ ...RULE.revoked, code: 'endorsements-revoked' }, false, revoked.name)

  return {
    root,
    tcbInfo,
    qeIdentity,
    lists,
    pckList,
    pckChain: endorsements.pck_certificate_chain
      ? readChain(endorsements.pck_certificate_chain, 'The PCK chain of the endorsements')
      : undefined,
    windows: [
      { what: 'the TCB info', from: tcbInfo.issueDate, until: tcbInfo.nextUpdate },
      { what: 'the quoting enclave’s identity', from: qeIdentity.issueDate, until: qeIdentity.nextUpdate },
      { what: 'the root’s revocation list', from: rootList.thisUpdate, until: rootList.nextUpdate },
      { what: 'the PCK revocation list', from: pckList.thisUpdate, until: pckList.nextUpdate },
      ...certificates.map(({ name, notBefore, notAfter }) => ({
        what: `the certificate of ${name}`,
        from: notBefore,
        until: notAfter,
      })),
    ],
    findings,
    readChain,
  }
}

/** Checks a chain against a root, time and revocation included. */
export async function checkChain(
  findings: Findings,
  rules: { chain: Rule; time: Rule; revoked: Rule },
  chain: Certificate[],
  { root, lists }: Pick<PreparedEndorsements, 'root' | 'lists'>,
  instant: number,
): Promise<void> {
  const flaw = await flawOfChain(chain, root.certificate)
  findings.note(rules.chain, flaw === undefined, flaw)
  const expired = expiredIn([...chain, root.certificate], instant)
  findings.note(rules.time, expired === undefined, expired?.name)
  const revoked = chain.find((certificate) => isRevoked(certificate, lists))
  findings.note(rules.revoked, revoked === undefined, revoked?.name)
}

async function checkList(
  findings: Findings,
  rule: Rule,
  list: RevocationList,
  issuer: Certificate,
): Promise<void> {
  const ok =
    issuer.maySignLists &&
    equalBytes(list.issuer, issuer.subject) &&
    (await isSignedWith(issuer, list.algorithm, list.tbs, list.signature))
  findings.note(rule, ok)
}

async function checkDocument(
  findings: Findings,
  [chainRule, rule]: [Rule, Rule],
  document: string,
  signature: string,
  chain: Certificate[],
  root: TrustRoot,
): Promise<void> {
  const flaw = await flawOfChain(chain, root.certificate)
  findings.note(chainRule, flaw === undefined, flaw)
  const [signer] = chain
  const bytes = fromHex(signature, 'A signature of the endorsements')
  const ok =
    signer?.publicKey.kind === 'P-256' &&
    (await (await keyOf(signer)).verify(new TextEncoder().encode(document), bytes))
  findings.note(rule, ok)
}

/** Reads PEM chains and remembers certificates by their text, since the same few come again and again. */
function chainReader(): PreparedEndorsements['readChain'] {
  const known = new Map<string, Certificate>()
  const chains = new Map<string, Certificate[]>()
  return (pem, what) => {
    const chain = chains.get(pem) ?? read(pem, what)
    if (chains.size >= MAX_REMEMBERED) chains.clear()
    chains.set(pem, chain)
    return chain
  }
  function read(pem: string, what: string): Certificate[] {
    return splitPem(pem, what).map((base64) => {
      const found = known.get(base64)
      if (found) return found
      const certificate = parseCertificate(fromBase64(base64, what), what)
      if (known.size >= MAX_REMEMBERED) known.delete(known.keys().next().value as string)
      known.set(base64, certificate)
      return certificate
    })
  }
}
