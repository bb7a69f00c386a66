import { claimsOf, type Network, readNetwork } from '@cloister/chain'
import {
  beginClaim,
  type Claim,
  type Leaves,
  type LegacyAccount,
  parseAccount,
  parseClaim,
  parseLeaves,
  showAccount,
  signaturesMissing,
  signClaim,
  textOfClaim,
  writeClaim,
} from '@cloister/migration'
import { migration } from '@cloister/sdk'
import { getAddress, isAddress } from 'viem'
import { amountsTable, inBoth } from './amounts.ts'
import { element, made, save, textOf } from './elements.ts'
import { hasMembers, onMembers, readMembers, showMembers, unsigned, writeMembers } from './members.ts'
import { addressOfWallet, connectByWallet, hasWallet } from './new-wallet.ts'
import { accountsOf, type WalletAccount, walletsFound } from './old-wallets.ts'

const MOST_NETWORK_BYTES = 1024 * 1024
const MOST_LEAVES_BYTES = 512 * 1024 * 1024
const MOST_CLAIM_BYTES = 16 * 1024 * 1024
/** SS58: the prefix of addresses that belong to no chain. */
const ANY_CHAIN = 42

const address = element<HTMLInputElement>('address')
const accounts = element<HTMLSelectElement>('accounts')
const to = element<HTMLInputElement>('to')
const signature = element<HTMLInputElement>('signature')
const sentence = element('sentence')
const buttons = ['sign', 'send', 'save', 'own'].map((id) => element<HTMLButtonElement>(id))
const [sign, send, keep, own] = buttons as [
  HTMLButtonElement,
  HTMLButtonElement,
  HTMLButtonElement,
  HTMLButtonElement,
]

let network: Network | undefined
let leaves: Leaves | undefined
/** Accounts of the old wallet that was opened. */
let shown: WalletAccount[] = []
/** What would be signed, or was. */
let claim: Claim | undefined

onFile('network', async (file) => {
  network = readNetwork(JSON.parse(await textOf(file, MOST_NETWORK_BYTES)), file.name)
  claimsOf(network)
})
onFile('leaves', async (file) => {
  leaves = parseLeaves(await textOf(file, MOST_LEAVES_BYTES))
  const { chain, block, all, total, tree } = leaves
  element('snapshot').textContent =
    `${chain.name} after block ${block}: ${all.length} leaves with ${inBoth(leaves, total)}; root ${tree.root}.`
  markOwners()
})
onFile('begun', goOn, () => {})
onMembers(() => attempt(begin))
for (const input of [address, to]) input.addEventListener('input', () => attempt(begin))
accounts.addEventListener('change', () =>
  attempt(() => {
    // Of an account that several sign for, whose signature is next.
    if (hasMembers()) return
    const { value } = accounts
    address.value = value && showAccount(value as LegacyAccount, leaves?.chain.prefix ?? ANY_CHAIN)
    begin()
  }),
)
signature.addEventListener('input', () => attempt(() => accept(signature.value)))
own.hidden = !hasWallet()
onClick(own, async () => {
  to.value = await addressOfWallet()
  begin()
})
onClick(sign, async () => {
  const signer = signerOf()
  if (!claim || !signer) return
  say('Your wallet asks for your signature …')
  accept(await signer.sign(textOfClaim(claim)))
})
onClick(keep, () => {
  if (claim) save(`claim-${claim.account.slice(2, 10)}.json`, writeClaim(claim))
})
onClick(send, pay)
showWallets()

/** Begins the claim that the fields describe, as far as they do. */
function begin(): void {
  claim = undefined
  signature.value = ''
  say('')
  element('text').textContent = ''
  element('owned').replaceChildren()
  const account = address.value === '' ? undefined : parseAccount(address.value)
  if (account && leaves) element('owned').append(...ownedBy(leaves, account))
  if (to.value !== '' && !isAddress(to.value, { strict: true }))
    throw new Error(
      'The address on the new chain is none: it has 0x and 40 digits, in the case it was given.',
    )
  if (!network || !leaves || !account || to.value === '' || leaves.of(account).length === 0) return
  claim = beginClaim(leaves, account, migration.placeOf({ network }, getAddress(to.value)), readMembers())
  element('text').textContent = textOfClaim(claim)
}

/**
 * Goes on with a claim that another member began. All but its signatures is made anew of the files here, so
 * that it can't ask for anything else than what it shows.
 */
async function goOn(file: File): Promise<void> {
  const begun = parseClaim(await textOf(file, MOST_CLAIM_BYTES))
  if (!network || !leaves) throw new Error('Choose network.json and leaves.json first.')
  if (!begun.approvals) throw new Error(`${file.name} is no claim of an account that several sign for.`)
  const place = migration.placeOf({ network }, begun.to)
  if (begun.chainId !== place.chainId || getAddress(begun.claims) !== getAddress(place.claims))
    throw new Error(`${file.name} is a claim on another network.`)
  address.value = showAccount(begun.account, leaves.chain.prefix)
  to.value = begun.to
  writeMembers(begun.approvals, leaves.chain.prefix)
  begin()
  if (claim?.approvals)
    claim = { ...claim, approvals: { ...claim.approvals, signed: begun.approvals.signed } }
  say(`This claim pays ${begun.to}. Sign it only if the members agreed on that address.`, 'fair')
}

/** Whose signature the old wallet can give: the account's or, of several, the chosen member's or the next. */
function signerOf(): WalletAccount | undefined {
  if (!claim) return undefined
  const wanted = claim.approvals ? unsigned(claim.approvals) : [claim.account]
  const able = shown.filter(({ account }) => wanted.includes(account))
  return able.find(({ account }) => account === accounts.value) ?? able[0]
}

function ownedBy(known: Leaves, account: LegacyAccount): HTMLElement[] {
  if (known.of(account).length > 0) return [amountsTable(known, account)]
  const { name, prefix } = known.chain
  return [made('p', `${showAccount(account, prefix)} owned nothing on ${name} at that block.`, 'fair')]
}

/** Takes a signature, which has to be of the account over the text. */
function accept(given: string): void {
  if (!claim) throw new Error('Say first which account it is, and where its tokens go.')
  if (given === '') return
  claim = signClaim(claim, given)
  const missing = signaturesMissing(claim)
  // The field is for the next member's.
  signature.value = missing > 0 ? '' : given
  if (missing === 0) say(`Signed: the tokens go to ${claim.to}, and nowhere else.`, 'good')
  else say(`Taken. ${missing} more of the members have to sign: add theirs here, or save the claim for them.`)
}

async function pay(): Promise<void> {
  if (!network || !claim || !leaves) return
  say('Asking your wallet of the new chain …')
  const cloister = await connectByWallet(network)
  const { claimed, amount } = await migration.status(cloister, leaves, claim.account)
  if (claimed === amount) throw new Error('What this account owned was claimed before.')
  say('Confirm in your wallet; then it takes until the next block …')
  const { transactions, amount: sent } = await migration.send(cloister, claim)
  say(`Claimed: ${inBoth(leaves, sent)}, for ${claim.to}. Transaction ${transactions.join(', ')}.`, 'good')
}

function showWallets(): void {
  const found = walletsFound()
  element('wallets').replaceChildren(
    ...found.map(({ id, name }) => {
      const button = made('button', `Open ${name}`) as HTMLButtonElement
      button.type = 'button'
      onClick(button, async () => {
        shown = await accountsOf(id)
        accounts.replaceChildren(
          new Option('Choose one', ''),
          ...shown.map(({ name: called, account }) => new Option(called, account)),
        )
        element('several').hidden = false
        markOwners()
      })
      return button
    }),
  )
  if (found.length === 0)
    element('wallets').textContent =
      'No wallet of the old chain was found in this browser. Give the address, and paste a signature below.'
}

/** Says beside each account of the old wallet whether it owned anything. */
function markOwners(): void {
  for (const option of accounts.options) {
    const one = shown.find(({ account }) => account === option.value)
    if (!one) continue
    const written = showAccount(one.account, leaves?.chain.prefix ?? ANY_CHAIN)
    const nothing = leaves && leaves.of(one.account).length === 0 ? ', owned nothing' : ''
    option.textContent = `${one.name || 'unnamed'} (${written.slice(0, 8)}…${written.slice(-4)})${nothing}`
  }
}

function onFile(id: string, read: (file: File) => Promise<void>, after: () => void = begin): void {
  const input = element<HTMLInputElement>(id)
  input.addEventListener('change', () =>
    attempt(async () => {
      const file = input.files?.[0]
      if (!file) return
      say(`Reading ${file.name} …`)
      await read(file)
      after()
    }),
  )
}

function onClick(button: HTMLButtonElement, act: () => void | Promise<void>): void {
  button.addEventListener('click', () => attempt(act))
}

/** Does one thing, says what went wrong, and lets be pressed what can be afterwards. */
async function attempt(act: () => void | Promise<void>): Promise<void> {
  for (const button of buttons) button.disabled = true
  try {
    await act()
  } catch (error) {
    say(error instanceof Error ? error.message : 'The wallet refused.', 'bad')
  }
  const isSigned = claim !== undefined && signaturesMissing(claim) === 0
  sign.disabled = signerOf() === undefined
  send.disabled = !isSigned || !hasWallet()
  // What lacks signatures goes to the next member.
  keep.disabled = !isSigned && !claim?.approvals
  showMembers(claim, leaves?.chain.prefix ?? ANY_CHAIN)
  own.disabled = false
}

function say(text: string, className = ''): void {
  sentence.className = className
  sentence.textContent = text
}
