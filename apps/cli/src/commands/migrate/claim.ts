import { claimOf } from '@cloister/chain'
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
import { type Address, getAddress, isAddress, isAddressEqual } from 'viem'
import { confirm } from '../../ask.ts'
import { connect } from '../../context.ts'
import { layer2Cost, sayCost } from '../../costs.ts'
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
      : goOn(cloister, options.file, options)
  if (key && !(await mayBeSigned(begun, options))) return say('Nothing was signed.')
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

/** A claim that somebody began, who may be anybody: it is for this network, and has what was typed. */
function goOn(cloister: Cloister, path: string, options: ClaimOptions): Claim {
  const begun = parseClaim(readInput(path))
  const { chainId, claims } = migration.placeOf(cloister, begun.to)
  if (begun.chainId !== chainId || !isAddressEqual(begun.claims, claims))
    throw new CloisterError(
      'bad-request',
      `The claim in ${path} is for the contract ${begun.claims} on chain ${begun.chainId}, not for ${cloister.network.name}’s.`,
      { hint: 'Name the network that it was made for with --network, if you mean that one.' },
    )
  const to = options.to === undefined ? begun.to : receiverOf(cloister, options)
  if (!isAddressEqual(begun.to, to) || options.members || options.threshold)
    throw new CloisterError(
      'bad-option',
      `The claim in ${path} says itself whom it pays (${begun.to}), and who signs it.`,
      { hint: 'Begin another one, without --file.' },
    )
  return begun
}

/** Whether a key here may sign: of a file from elsewhere its holder has to say so, who sees whom it pays. */
async function mayBeSigned(begun: Claim, { file, to, yes, json }: ClaimOptions): Promise<boolean> {
  if (file === undefined || to !== undefined || yes) return true
  if (json)
    throw new CloisterError('bad-option', `Nobody said yet that ${begun.to} is to be paid.`, {
      hint: `Add --to ${begun.to} if it is.`,
    })
  say(`The claim in ${file} is for the legacy account ${begun.account}. To be signed is:`)
  say(textOfClaim(begun))
  return confirm(`Are the CLOI to go to ${begun.to}?`, 'no')
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
    say(`What ${signed.account} owned goes to ${signed.to}.`)
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
  const json = options.json === true
  const { signature, leaves } = signed
  const transactions = signature && leaves.map(({ proof }) => claimOf(signature.scheme, proof.length))
  const cost = transactions && (await layer2Cost(cloister.chain, transactions, { json }))
  if (cost && !json) say(sayCost(cost))
  if (!options.json && !options.yes && !(await confirm('Send it?'))) return say('Nothing was sent.')
  const sent = await migration.send(cloister, signed)
  if (options.json) return sayJson({ account: signed.account, to: signed.to, ...sent, cost })
  say(`${paint('green', '●')} Claimed: ${sent.transactions.join(', ')}`)
  if (signed.leaves.some(({ vestsUntil }) => vestsUntil > 0))
    say('What vests is paid by `cloister migrate release`, as it becomes the account’s own.')
}
