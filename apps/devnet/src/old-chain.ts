import { DEVELOPMENT_CHAIN, Leaves, type LegacyAccount, multisigOf } from '@cloister/migration'

/** One PHA, in units of the new token. */
const PHA = 10n ** 18n
/** When all that the old chain's accounts have vesting began to, and until when. */
const VESTS = { vestsFrom: Date.UTC(2026, 0, 1) / 1_000, vestsUntil: Date.UTC(2029, 0, 1) / 1_000 }
const AT_ONCE = { vestsFrom: 0, vestsUntil: 0 }

/**
 * Accounts of Substrate's development phrase ("bottom drive obey lake curtain smoke basket hold race lonely
 * fit walk"), of which everybody has the keys; a wallet derives them with these paths.
 */
const ACCOUNTS = {
  'sr25519 //Alice': '0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d',
  'sr25519 //Bob': '0x8eaf04151687736326c9fea17e25fc5287613693c912909cb226aa4794f26a48',
  'sr25519 //Charlie': '0x90b5ab205c6974c9ea841be688864633dc9ca8a357843eeacf2314649965fe22',
  'ed25519 //Alice': '0x88dc3417d5058ec4b4503e0c12ea1a0a89be200fe98922423d4334014fa6b0ee',
  'ecdsa //Alice': '0x01e552298e47454041ea31273b4b630c64c104e4514aa3643490b8aaca9cf8ed',
} as const satisfies Record<string, LegacyAccount>

/**
 * What accounts of a made-up old chain own: one of each kind of key, a multisig account of which two of
 * three sign, and what vests.
 */
export function developmentLeaves(): Leaves {
  const { 'sr25519 //Alice': alice, 'sr25519 //Bob': bob, 'sr25519 //Charlie': charlie } = ACCOUNTS
  const shared = multisigOf([alice, bob, charlie].sort(), 2)
  const owned = [...Object.values(ACCOUNTS), shared].map((account, index) => ({
    account,
    amount: 1_000n * PHA + BigInt(index) * 10n ** 6n,
    ...AT_ONCE,
  }))
  return new Leaves(
    DEVELOPMENT_CHAIN,
    1,
    [...owned, { account: bob, amount: 500n * PHA, ...VESTS }],
    new Map(),
  )
}
