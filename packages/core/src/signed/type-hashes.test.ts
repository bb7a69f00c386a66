import { globSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { VOTE_TYPES } from '../../../ballots/src/messages/types.ts'
import { RECEIVE_AUTHORIZATION_TYPES, TRANSFER_AUTHORIZATION_TYPES } from './authorization.ts'
import { BID_TYPES } from './bid.ts'
import { CHANNEL_TYPES } from './channel.ts'
import { CHARGE_TYPES } from './charge.ts'
import { CLAIM_TYPES } from './claim.ts'
import { CLAIM_BATCH_TYPES } from './claim-batch.ts'
import { CONSENT_TYPES } from './consent.ts'
import { DRAW_TYPES } from './draw.ts'
import { JOIN_TYPES } from './join.ts'
import { KEPT_SECRETS_TYPES } from './kept-secrets.ts'
import { KEY_TYPES } from './key.ts'
import { MEMBER_TYPES } from './member.ts'
import { PERMIT_TYPES } from './permit.ts'
import { PURPOSE_TYPES } from './purpose.ts'
import { READER_TYPES } from './reader.ts'
import { RECEIPT_TYPES } from './receipt.ts'
import { REFUND_TYPES } from './refund.ts'
import { REQUEST_TYPES } from './request.ts'
import { REQUEST_KEY_TYPES } from './request-key.ts'
import { RESIZE_BID_TYPES } from './resize-bid.ts'
import { STATEMENT_TYPES } from './statement.ts'
import { VERDICT_TYPES } from './verdict.ts'
import { VERDICT_REQUEST_TYPES } from './verdict-request.ts'
import { VOUCHER_TYPES } from './voucher.ts'

type Types = Record<string, readonly { name: string; type: string }[]>

/** encodeType of EIP-712: the type itself, then what it refers to. Ours refer to one at most. */
function encodeType(types: Types): string {
  return Object.entries(types)
    .map(([name, fields]) => `${name}(${fields.map((field) => `${field.type} ${field.name}`).join(',')})`)
    .join('')
}

/** What contracts hash as types: their string literals, those that follow each other as one. */
function typesIn(source: string): string[] {
  const text = source.replaceAll(/\/\/.*$/gm, '')
  return [...text.matchAll(/"[^"\n]*"(?:\s*"[^"\n]*")*/g)]
    .map(([literals]) => literals.replaceAll(/"\s*"|"/g, ''))
    .filter((literal) => /^[A-Z]\w*\(\w+(\[\])? /.test(literal) && !literal.startsWith('EIP712Domain('))
}

const CONTRACTS = join(import.meta.dirname, '../../../../contracts/src')
const sources = globSync('**/*.sol', { cwd: CONTRACTS }).map((path) =>
  readFileSync(join(CONTRACTS, path), 'utf8'),
)
const inContracts = new Set(sources.flatMap(typesIn))

describe('what is signed', () => {
  it('has the types that the contracts hash, and nothing else has', () => {
    // Verdicts.sol puts the two parts of a claim together.
    const claim = encodeType({ Claim: CLAIM_TYPES.Claim })
    const ours = [
      BID_TYPES,
      CHANNEL_TYPES,
      CHARGE_TYPES,
      CLAIM_BATCH_TYPES,
      CONSENT_TYPES,
      DRAW_TYPES,
      JOIN_TYPES,
      KEY_TYPES,
      RECEIPT_TYPES,
      RECEIVE_AUTHORIZATION_TYPES,
      REFUND_TYPES,
      RESIZE_BID_TYPES,
      TRANSFER_AUTHORIZATION_TYPES,
      VERDICT_TYPES,
      VOUCHER_TYPES,
    ].map(encodeType)
    // What a batch is made of is hashed by itself as well.
    const entry = encodeType({ ClaimEntry: CLAIM_BATCH_TYPES.ClaimEntry })
    // Snapshot's, which wallets sign.
    const votes = Object.values(VOTE_TYPES).map(encodeType)
    expect([...ours, ...votes, claim, entry].sort()).toEqual([...inContracts].sort())
    expect(encodeType(CLAIM_TYPES)).toBe(claim + encodeType(VERDICT_TYPES))
  })

  it('is permitted as tokens hash it (ERC-2612)', () => {
    const path = '@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol'
    const source = readFileSync(createRequire(join(CONTRACTS, '../package.json')).resolve(path), 'utf8')
    expect(typesIn(source)).toEqual([encodeType(PERMIT_TYPES)])
  })

  // What no contract reads is read by programs of other versions.
  it.each([
    [KEPT_SECRETS_TYPES, 'KeptSecrets(bytes32 app,bytes32 added,bytes32[] kept)'],
    [
      MEMBER_TYPES,
      'Member(bytes32 lease,bytes32 reader,string network,string name,bytes32 places,uint64 instant)',
    ],
    [PURPOSE_TYPES, 'Purpose(bytes32 digest)'],
    [READER_TYPES, 'Reader(string purpose)'],
    [
      REQUEST_TYPES,
      'Request(address tenant,address worker,string method,string path,bytes32 bodyHash,uint64 issuedAt,bytes32 nonce)',
    ],
    [REQUEST_KEY_TYPES, 'RequestKey(bytes32 key,bytes32 tlsKeyHash)'],
    [STATEMENT_TYPES, 'Statement(bytes32 lease,bytes32 manifestHash,bytes32 images,uint64 instant)'],
    [
      VERDICT_REQUEST_TYPES,
      'VerdictRequest(uint8 kind,address worker,bytes32 tlsKeyHash,uint256 blockNumber,bytes32 blockHash,bytes32 evidence)',
    ],
  ] as [Types, string][])('stays what it was where no contract reads it: %#', (types, text) => {
    expect(encodeType(types)).toBe(text)
  })
})
