import { registerPower } from '@cloister/chain'
import { say, table } from '@cloister/terminal'
import { type Address, encodeFunctionData, erc20Abi, type Hex, toHex } from 'viem'
import { times } from '../numbers.ts'
import { compilePeers } from '../peers/compile.ts'
import { runGovernor } from './governor.ts'
import { BATCHES, fund, gasOfCallAlone, runOurs, type Steps, stakeEach, VOTERS } from './ours.ts'
import { enrol, raiseStage, voterOf } from './voters.ts'

const CLOI = 10n ** 18n
const STAKERS = 100
const AMOUNT = 10_000n * CLOI
const PAYMENT = 100n * CLOI
const PROPOSER = 7
const AIMS = { vote: 40_000, over: 120_000 }
/** What can't be run here, as others said or measured it. */
const PUBLISHED = [
  ['a Safe’s owners carry it out, 2 of 3 (execTransaction)', '91,000', 'safe-smart-account 1.5.0, 2026-11'],
  ['a module’s call through a Safe, nothing else', '46,000', 'safe-smart-account 1.5.0, 2026-11'],
  ['a Snapshot vote that nobody counts on a chain', '0', 'snapshot.js 0.17.5: a hub’s word'],
]

/** Gas of a ballot, from the proposal to its call, beside OpenZeppelin's Governor on the same chain. */
export async function benchGovernance(): Promise<void> {
  const peers = compilePeers()
  const stage = await raiseStage()
  const { chain, token } = stage
  try {
    const voters = Array.from({ length: VOTERS }, (_, at) => voterOf(at))
    const stakers = Array.from({ length: STAKERS }, (_, at) => voterOf(10_000 + at))
    await fund(chain.wallet(0), [...voters, ...stakers])
    await enrol(stage, peers('Enrolment'), voters, AMOUNT)
    const transfer = (to: Address, amount: bigint) =>
      encodeFunctionData({ abi: erc20Abi, functionName: 'transfer', args: [to, amount] })
    const give = async (to: Address, amount: bigint) => {
      const { wallet, client, account } = chain.wallet(0)
      const hash = await wallet.sendTransaction({
        account,
        chain: null,
        to: token,
        data: transfer(to, amount),
      })
      await client.waitForTransactionReceipt({ hash })
    }
    for (const { address } of stakers) await give(address, AMOUNT)
    await stakeEach(stage, stakers, AMOUNT / 10n)
    await give(chain.governance.account.address, 10n * PAYMENT)
    const proposer = chain.wallet(PROPOSER)
    await give(proposer.account.address, AMOUNT)
    await registerPower(proposer)
    await stage.pass(60)

    const to = (index: number): Address => toHex(0xbe0000 + index, { size: 20 })
    const alone = await gasOfCallAlone(stage, chain.governance, token, transfer(to(0), PAYMENT) as Hex)
    const governor = await runGovernor(stage, peers, voters, { to: to(1), amount: PAYMENT })
    const ours = await runOurs(stage, voters, stakers, { to: to(2), amount: PAYMENT })
    print(ours, governor, alone)
  } finally {
    await chain.stop()
  }
}

function print(ours: Steps, governor: Steps, alone: bigint): void {
  const shown = (gas: bigint | number | undefined) => (gas === undefined ? '–' : gas.toLocaleString('en'))
  const row = (what: string, own: bigint | undefined, peer: bigint | undefined, aim?: number) => [
    what,
    shown(own),
    shown(peer),
    own === undefined || peer === undefined ? '–' : times(Number(own), Number(peer)),
    shown(aim),
  ]
  const numbers = ['ours', 'Governor', 'to Governor', 'aim']
  const batches = BATCHES.map((size) =>
    row(
      `a vote of ${size}, liquid`,
      ours.batches.get(size),
      governor.batches.get(size),
      size === 100 ? AIMS.vote : undefined,
    ),
  )
  say(
    table(
      ['gas', ...numbers],
      [
        row('propose', ours.propose, governor.propose),
        ...batches,
        row(`a vote of ${STAKERS}, one pool each`, ours.staked, undefined, AIMS.vote),
        row('a vote by its own transaction', ours.transaction, governor.transaction),
        row('queue', ours.queue, governor.queue),
        row('execute, whole', ours.execute, governor.execute),
        row('execute, over the call', ours.execute - alone, governor.execute - alone, AIMS.over),
      ],
      numbers,
    ),
  )
  say(
    `whole transactions with their calldata; the call, a payment, is ${shown(alone)} alone; votes after the first one`,
  )
  say(table(['published', 'gas', 'source'], PUBLISHED, ['gas']))
}
