import { claimsOf, findToken } from '@cloister/chain'
import { startDevelopmentChain } from '@cloister/development/chain'
import { beginClaim, type Claim, signClaim, textOfClaim } from '@cloister/migration'
import { createCloister, migration } from '@cloister/sdk'
import { say, table } from '@cloister/terminal'
import { type Address, type Hex, toHex } from 'viem'
import { cryptoWaitReady, makeLegacyChain, type Person } from '../../packages/migration/src/testing/index.ts'
import { ms, times } from '../numbers.ts'
import { compilePeers } from '../peers/compile.ts'
import { type AirdropGas, airdropGas } from './airdrop.ts'
import { type SnapshotTimes, timeSnapshot } from './snapshot.ts'

/** People on the made-up chain; with pools, proxies and multisigs there are some more accounts. */
const PEOPLE = 10_000
const YEARS = 4 * 365 * 86_400
const SCHEMES = ['sr25519', 'ed25519', 'ecdsa'] as const
const AIMS = { sr25519: 500_000, ed25519: 340_000, ecdsa: 95_000 }
/** What can't be run here, as others said or measured it. */
const PUBLISHED = [
  ['sr25519 in the EVM', '“astronomically expensive”', 'paritytech/schnorrkel#83, 2022-09-16'],
  [
    'Ed25519, the check alone; ours takes 250,000',
    '893,000',
    'chengwenxi/Ed25519 of 2021-09-06, by solc 0.6.12 on the same chain, 2026-11-28',
  ],
  ['sr25519, the whole claim', '576,000', 'a prototype, 16,384 leaves, before ours was built, 2026-11'],
  ['Ed25519, the whole claim', '339,000', 'the same prototype'],
  ['Substrate’s ECDSA, the whole claim', '93,000', 'the same prototype'],
  ['sr25519 multisig, 2 of 3', '1,100,000', 'the same prototype'],
  [
    'any claim on Phala',
    'one signer’s word',
    'Phala’s claim contract, 2025: no key of the holder’s is checked',
  ],
]

/** Gas of whole claims by each kind of key, beside an airdrop by a list, and the time of a snapshot. */
export async function benchClaims(): Promise<void> {
  await cryptoWaitReady()
  const legacy = makeLegacyChain(PEOPLE, { time: Math.floor(Date.now() / 1_000) })
  const taken = await timeSnapshot(legacy)
  const { leaves } = taken
  const until = BigInt(Math.floor(Date.now() / 1_000) + YEARS)
  const chain = await startDevelopmentChain([], {
    oldChain: { root: leaves.tree.root, total: leaves.total, until },
  })
  try {
    const { network } = chain
    const stranger = createCloister({ network, account: chain.wallet(5).account })
    const gasOf = async (hash: Hex) => (await stranger.chain.client.getTransactionReceipt({ hash })).gasUsed
    let receivers = 0
    const place = () => ({
      chainId: network.chainId,
      claims: claimsOf(network),
      to: toHex(0xc1a100 + receivers++, { size: 20 }) as Address,
    })
    const gasOfClaim = async (claim: Claim, signers: readonly Person[]) => {
      const signed = signers.reduce((one, signer) => signClaim(one, signer.sign(textOfClaim(one))), claim)
      const { transactions } = await migration.send(stranger, signed)
      return gasOf(transactions[0] as Hex)
    }
    const claims = new Map<string, bigint>()
    for (const scheme of SCHEMES) {
      const person = legacy.people.filter((one) => one.scheme === scheme)[100] as Person
      claims.set(scheme, await gasOfClaim(beginClaim(leaves, person.account, place()), [person]))
    }
    const { account, members } = legacy.multisig
    const several = { members: members.map((member) => member.account), threshold: 2 }
    const signers = members.slice(0, 2)
    const name = `multisig, 2 of 3: ${signers.map(({ scheme }) => scheme).join(' and ')}`
    claims.set(name, await gasOfClaim(beginClaim(leaves, account, place(), several), signers))
    const depth = leaves.tree.proofOf(0).length
    const peer = compilePeers()('PeerAirdrop')
    const airdrop = await airdropGas(chain.wallet(0), peer, findToken(network, 'CLOI').address, depth)
    printGas(claims, airdrop, depth)
  } finally {
    await chain.stop()
  }
  printTimes(taken)
}

function printGas(claims: ReadonlyMap<string, bigint>, airdrop: AirdropGas, depth: number): void {
  const aimOf = (name: string) => (AIMS as Record<string, number>)[name]?.toLocaleString('en') ?? ''
  const row = (what: string, gas: bigint, aim: string) => [
    what,
    gas.toLocaleString('en'),
    times(Number(gas), Number(airdrop.signed)),
    aim,
  ]
  const numbers = ['gas', 'to the signed airdrop', 'aim']
  say(
    table(
      ['a whole claim', ...numbers],
      [
        ...[...claims].map(([name, gas]) => row(name, gas, aimOf(name))),
        row('OpenZeppelin airdrop, signed, sent by anybody', airdrop.signed, ''),
        row('OpenZeppelin airdrop, sent by its holder', airdrop.own, ''),
      ],
      numbers,
    ),
  )
  say(`each transaction whole, to an account that had nothing; proofs of ${depth} hashes`)
  say(table(['published', 'gas', 'source'], PUBLISHED, ['gas']))
}

function printTimes({ accounts, pairs, bytes, steps, parse }: SnapshotTimes): void {
  const all = [...steps.values()].reduce((sum, one) => sum + one, 0)
  const row = (what: string, took: number) => [what, ms(took), times(took, parse)]
  const numbers = ['time', 'to parsing alone']
  say(
    table(
      [`a snapshot of ${accounts.toLocaleString('en')} accounts`, ...numbers],
      [
        ...[...steps].map(([name, took]) => row(name, took)),
        row('in all', all),
        [`for 10,000 accounts`, ms((all * 10_000) / accounts), ''],
        row('reading the same file with JSON.parse', parse),
      ],
      numbers,
    ),
  )
  say(`${pairs.toLocaleString('en')} pairs, ${(bytes / 1024 ** 2).toFixed(1)} MiB of JSON`)
}
