import { CloisterError } from '@cloister/core'
import {
  beginClaim,
  type Claim,
  type Multisig,
  parseAccount,
  parseClaim,
  signaturesMissing,
  signClaim,
  textOfClaim,
  writeClaim,
} from '@cloister/migration'
import type { LegacyKey } from '@cloister/migration/keys'
import { type Cloister, migration, walletOf } from '@cloister/sdk'
import { paint, say, sayJson } from '@cloister/terminal'
import { type Address, getAddress, isAddress } from 'viem'
import { confirm } from '../../ask.ts'
import { connect } from '../../context.ts'
import { writeOutput } from '../../output-file.ts'
import { readInput } from './input.ts'
import { type KeyOptions, openKey } from './key.ts'
import { bothAmounts, type LeavesOptions, openLeaves } from './leaves.ts'

export interface ClaimOptions extends LeavesOptions, KeyOptions {
  to?: string
  signature?: string
  signer?: string
  members?: string[]
  threshold?: string
  file?: string
  save?: string
  send?: string
}

export async function claim(address: string | undefined, options: ClaimOptions): Promise<void> {
  const cloister = connect(options)
  if (options.send !== undefined) return send(cloister, parseClaim(readInput(options.send)), options)
  const key = await openKey(options)
  const begun =
    options.file === undefined
      ? begin(cloister, accountOf(address, key), options)
      : parseClaim(readInput(options.file))
  const signed = sign(begun, key, options)
  const isReady = signaturesMissing(signed) === 0
  const save = options.save ?? (isReady ? undefined : options.file)
  if (save !== undefined) writeOutput(save, writeClaim(signed))
  if (isReady && options.save === undefined) return send(cloister, signed, options)
  tell(signed, save, options)
}

function accountOf(address: string | undefined, key: LegacyKey | undefined) {
  if (address !== undefined) return parseAccount(address)
  if (key) return key.account
  throw new CloisterError('bad-option', 'Whose tokens are to be claimed is not said.', {
    hint: 'Name the legacy account’s address, or its key with --keystore or --phrase.',
  })
}

function begin(cloister: Cloister, account: ReturnType<typeof parseAccount>, options: ClaimOptions): Claim {
  const place = migration.placeOf(cloister, receiverOf(cloister, options))
  return beginClaim(openLeaves(options), account, place, multisigOf(options))
}

function receiverOf(cloister: Cloister, { to }: ClaimOptions): Address {
  if (to === undefined) return walletOf(cloister).account.address
  if (isAddress(to) && BigInt(to) > 0n) return getAddress(to)
  throw new CloisterError('bad-address', `${to.slice(0, 80)} is no address on the new chain.`, {
    hint: 'It has 0x and 40 hexadecimal digits; capitals are a checksum.',
  })
}

function multisigOf({ members, threshold }: ClaimOptions): Multisig | undefined {
  if (members === undefined && threshold === undefined) return undefined
  const count = Number(threshold)
  if (members === undefined || !Number.isInteger(count) || count < 1 || count > members.length)
    throw new CloisterError(
      'bad-option',
      'A multisig account has --members and a --threshold up to their number.',
    )
  return { members: members.map(parseAccount), threshold: count }
}

function sign(begun: Claim, key: LegacyKey | undefined, { signature, signer }: ClaimOptions): Claim {
  const signed = key ? signClaim(begun, key.sign(textOfClaim(begun)), begun.approvals && key.account) : begun
  if (signature === undefined) return signed
  return signClaim(signed, signature, signer === undefined ? undefined : parseAccount(signer))
}

/** What there is to do next. */
function tell(signed: Claim, save: string | undefined, options: ClaimOptions): void {
  const missing = signaturesMissing(signed)
  const text = textOfClaim(signed)
  if (options.json) return sayJson({ account: signed.account, to: signed.to, text, missing, file: save })
  if (missing === 0) {
    say(`${paint('green', '●')} The claim is signed, and in ${save}. It has no secrets.`)
    return say(`Anybody can send it, and pays the gas: \`cloister migrate claim --send ${save}\`.`)
  }
  const who = signed.approvals ? `${missing} more of the members` : 'the legacy account’s key'
  say(`To be signed by ${who}, exactly as it stands (wallets: “sign message”, “sign raw”):`)
  say('')
  say(text)
  say('')
  const again = save === undefined ? 'the same words again' : `\`cloister migrate claim --file ${save}\``
  say(`Then type ${again} with --signature 0x…, as the wallet shows it.`)
}

async function send(cloister: Cloister, signed: Claim, options: ClaimOptions): Promise<void> {
  const amount = signed.leaves.reduce((sum, leaf) => sum + leaf.amount, 0n)
  if (options.json !== true)
    say(`Claims ${bothAmounts(amount, signed.legacy)} of ${signed.account} for ${signed.to}.`)
  if (!options.json && !options.yes && !(await confirm('Send it?'))) return say('Nothing was sent.')
  const sent = await migration.send(cloister, signed)
  if (options.json) return sayJson({ account: signed.account, to: signed.to, ...sent })
  say(`${paint('green', '●')} Claimed: ${sent.transactions.join(', ')}`)
  if (signed.leaves.some(({ vestsUntil }) => vestsUntil > 0))
    say('What vests is paid by `cloister migrate release`, as it becomes the account’s own.')
}
