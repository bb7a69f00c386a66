import type { Rule } from '@cloister/attest'

const DESIGN = 'Cloister, docs/attestation.md'
export const BINDING: Rule = {
  code: 'binding',
  title: 'The quote names this network, provider, worker key and TLS key',
  source: `${DESIGN}, report data`,
  otherwise: 'The quote was made for another worker, provider, network or TLS key.',
}
export const FRESHNESS: Rule = {
  code: 'freshness',
  title: 'The quote was made after this block, or for this very question',
  source: `${DESIGN}, report data`,
  otherwise: 'The quote is an old one: it does not hold the block hash or number that was asked for.',
}
export const BLOCK: Rule = {
  code: 'block',
  title: 'The chain has that block',
  source: 'the chain',
  otherwise: 'The chain has no such block.',
}
export const MEASUREMENT: Rule = {
  code: 'measurement',
  title: 'Governance lets guests of this measurement earn',
  source: 'the chain, Admission.rolesOf',
  otherwise: 'The guest’s measurement is not on the network’s list.',
}
export const COVERAGE: Rule = {
  code: 'coverage',
  title: 'The worker is covered',
  source: 'the chain, Workers.billing',
  otherwise: 'The worker is not covered: it earns nothing, and nothing is promised.',
}
export const STATEMENT: Rule = {
  code: 'statement',
  title: 'The worker’s own key says what runs',
  source: `${DESIGN}, statement`,
  otherwise: 'What is said to run is not signed by the worker’s key.',
}
export const APP: Rule = {
  code: 'app',
  title: 'What runs is the manifest of the lease',
  source: 'the chain, Market.leaseOf',
  otherwise: 'The worker runs another manifest than the one on the lease.',
}
export const MANIFEST: Rule = {
  code: 'manifest',
  title: 'This manifest has that hash',
  source: 'SHA-256',
  otherwise: 'The manifest given is another one.',
}

/** A rule for which the chain is the source, as it reads where only a file says what the chain said. */
export function asRecorded(rule: Rule): Rule {
  return { ...rule, source: `not checked on chain: the file’s word for ${rule.source}` }
}
