/**
 * What kind of thing went wrong, which says who can do something about it, how HTTP says so (RFC 9110,
 * section 15), and whether the very same attempt may come to something later.
 */
const FAMILIES = {
  /** What was given can't be used: a file, an option, a request. */
  input: { status: 400, retry: false },
  /** Understood, and not acceptable: a manifest, evidence, sealed secrets. */
  content: { status: 422, retry: false },
  /** More than is taken. */
  size: { status: 413, retry: false },
  /** Nobody's signature. */
  identity: { status: 401, retry: false },
  /** Somebody's signature who may not. */
  permission: { status: 403, retry: false },
  /** There is no such thing. */
  absence: { status: 404, retry: false },
  /** It doesn't go together with how things are now. */
  state: { status: 409, retry: false },
  /** Evidence, or what it has to meet, is not good enough. */
  trust: { status: 403, retry: false },
  /** Tokens, ether, stake or a deposit are missing, or more is asked than was agreed to. */
  money: { status: 402, retry: false },
  /** Too many requests of one, or too much to do for all. */
  rate: { status: 429, retry: true },
  busy: { status: 503, retry: true },
  /** Somebody who is needed doesn't answer, or not yet. */
  reach: { status: 503, retry: true },
  /** An answer came that can't be what was asked for. */
  answer: { status: 502, retry: false },
  /** Something of ours, or that was started for somebody, failed. */
  failure: { status: 500, retry: false },
} as const

export type ErrorFamily = keyof typeof FAMILIES

const CODES = {
  'bad-address': 'input',
  'bad-amount': 'input',
  'bad-config': 'input',
  'bad-field': 'input',
  'bad-file': 'input',
  'bad-image': 'input',
  'bad-key': 'input',
  'bad-name': 'input',
  'bad-network': 'input',
  'bad-option': 'input',
  'bad-password': 'input',
  'bad-plan': 'input',
  'bad-policy': 'input',
  'bad-report': 'input',
  'bad-request': 'input',
  'bad-unit': 'input',
  'bad-wallet': 'input',
  'forbidden-address': 'input',
  'no-file': 'input',
  'no-login': 'input',
  'no-terminal': 'input',
  'not-a-file': 'input',
  'not-honoured': 'input',
  'not-json': 'input',
  outside: 'input',
  'unknown-token': 'input',
  'which-lease': 'input',
  'which-wallet': 'input',
  'bad-evidence': 'content',
  'bad-manifest': 'content',
  'bad-secrets': 'content',
  'key-changed': 'content',
  'not-sealed-for-us': 'content',
  unsupported: 'content',
  'too-large': 'size',
  unauthorized: 'identity',
  repeated: 'identity',
  forbidden: 'permission',
  'no-keys': 'permission',
  'not-yours': 'permission',
  'no-endorsements': 'absence',
  'no-network': 'absence',
  'no-wallet': 'absence',
  'not-found': 'absence',
  'not-registered': 'absence',
  'already-running': 'state',
  cancelled: 'state',
  declined: 'state',
  exists: 'state',
  'no-bid': 'state',
  'no-bids': 'state',
  'no-ports': 'state',
  'not-development': 'state',
  'not-running': 'state',
  'not-sent': 'state',
  'not-voting': 'state',
  'notice-too-short': 'state',
  'port-taken': 'state',
  refused: 'state',
  sealed: 'state',
  'secrets-missing': 'state',
  stale: 'state',
  'volume-away': 'state',
  'volume-lost': 'state',
  'wallet-exists': 'state',
  'wrong-manifest': 'state',
  'bad-receipt': 'trust',
  'no-verdict': 'trust',
  'not-attested': 'trust',
  policy: 'trust',
  'seats-disagree': 'trust',
  'too-few-verdicts': 'trust',
  'deposit-too-small': 'money',
  'deposit-unexpected': 'money',
  'no-funds': 'money',
  'no-gas': 'money',
  'no-money': 'money',
  'no-power': 'money',
  'no-stake': 'money',
  'rate-unexpected': 'money',
  'stake-unexpected': 'money',
  'too-many': 'rate',
  'too-busy': 'busy',
  'agent-unreachable': 'reach',
  'chain-unreachable': 'reach',
  'database-unreachable': 'reach',
  'image-unavailable': 'reach',
  'keys-unavailable': 'reach',
  'no-engine': 'reach',
  'no-evidence': 'reach',
  'not-open': 'reach',
  'not-seated': 'reach',
  unreachable: 'reach',
  'bad-answer': 'answer',
  'bad-bid': 'answer',
  'bad-index': 'failure',
  'build-failed': 'failure',
  'bad-state': 'failure',
  'daemon-failed': 'failure',
  'deploy-failed': 'failure',
  'engine-failed': 'failure',
  internal: 'failure',
  'read-failed': 'failure',
  reverted: 'failure',
  'snapshot-damaged': 'failure',
  'start-failed': 'failure',
  'update-failed': 'failure',
  'vault-damaged': 'failure',
} as const satisfies Record<string, ErrorFamily>

/** The stable name of an error. Every one there is, is in the catalogue. */
export type ErrorCode = keyof typeof CODES

/** By code: its family, the HTTP status that carries it, and whether trying again may help. */
export const ERRORS = Object.fromEntries(
  Object.entries(CODES).map(([code, family]) => [code, { family, ...FAMILIES[family] }]),
) as Record<ErrorCode, { family: ErrorFamily; status: number; retry: boolean }>

export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERRORS, code)
}
