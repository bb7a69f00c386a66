import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { claimOf, costOf, openManyOf, TRANSACTIONS, type Transaction } from '@cloister/chain'
import { dollarsOf, feePricesAt, fixedCostPerDay, type Gwei, type Rhythm } from '@cloister/economy'
import { note, say, table } from '@cloister/terminal'
import { lines } from './plot.ts'
import { DOCS, writeSections } from './sections.ts'

const ETHER = 3_000
/** What a transaction is to cost at the most, dollars. */
const AIM = 0.005
const CALM: Gwei = { layer1: 0.5, layer2: 0.001 }
const USUAL: Gwei = { layer1: 2, layer2: 0.005 }
const BUSY: Gwei = { layer1: 20, layer2: 0.01, blob: 5 }
const SENT: [string, Transaction][] = [
  ['open a lease', TRANSACTIONS.open],
  ['open 10 leases at once', openManyOf(10)],
  ['top up', TRANSACTIONS.topUp],
  ['settle a lease', TRANSACTIONS.settle],
  ['settle 50 leases at once', TRANSACTIONS.settleMany50],
  ['close', TRANSACTIONS.close],
  ['attest (TDX quote)', TRANSACTIONS.attest],
  ['register a platform, once', TRANSACTIONS.registerPlatform],
  ['register a worker, once', TRANSACTIONS.register],
  ['confirm GPUs', TRANSACTIONS.confirmGpus],
  ['stake', TRANSACTIONS.delegate],
  ['begin to leave a pool', TRANSACTIONS.requestExit],
  ['claim a day’s rewards', TRANSACTIONS.claimReward],
  ['claim old tokens: sr25519', claimOf(1, 14)],
  ['claim old tokens: Ed25519', claimOf(2, 14)],
  ['claim old tokens: ECDSA', claimOf(3, 14)],
]
const PLOTTED = ['open a lease', 'attest (TDX quote)', 'stake', 'settle a lease']
const RHYTHMS: [string, Rhythm][] = [1, 4, 6, 24].map((hours) => [
  `every ${hours === 1 ? 'hour' : `${hours} hours`}`,
  { proposalSeconds: hours * 3_600, batchSeconds: Math.min(hours, 5) * 3_600 },
])
/** Layer 1's price in steps that a plot shows as lines. */
const UP_TO_GWEI = 50

/** What transactions cost on a layer 2 at any prices: tables and plots of docs/layer2.md. Takes a moment. */
export async function benchLayer2(): Promise<void> {
  const sections = {
    transactions: tableOfTransactions(),
    limits: tableOfLimits(),
    fixed: tableOfFixed(),
  }
  for (const [name, text] of Object.entries(sections)) say(`\n${name}\n${text}`)
  writePlots()
  writeSections('layer2.md', sections)
  note('docs/layer2.md and its plots are written.')
}

function dollarsAt(prices: Gwei, transaction: Transaction): number {
  return dollarsOf(costOf(feePricesAt(prices), transaction).total, ETHER)
}

function tableOfTransactions(): string {
  const shown = (dollars: number) => `${dollars.toFixed(4)}${dollars > AIM ? ' !' : '  '}`
  const numbers = ['gas', 'FastLZ bytes', 'calm, $', 'usual, $', 'busy, $']
  return table(
    ['transaction', ...numbers],
    SENT.map(([name, transaction]) => [
      name,
      transaction.gas.toLocaleString('en'),
      transaction.fastLzLength.toLocaleString('en'),
      ...[CALM, USUAL, BUSY].map((prices) => shown(dollarsAt(prices, transaction))),
    ]),
    numbers,
  )
}

/** The highest price of gas on layer 1, in tenths of a gwei, at which a transaction meets the aim. */
function limitOf(transaction: Transaction, layer2: number): string {
  let most = -1
  for (let tenths = 1; tenths <= 1_000; tenths++)
    if (dollarsAt({ layer1: tenths / 10, layer2 }, transaction) <= AIM) most = tenths
  return most < 0 ? 'never' : most === 1_000 ? 'over 100' : (most / 10).toFixed(1)
}

function tableOfLimits(): string {
  const prices = [0.001, 0.005, 0.01]
  const columns = prices.map((price) => `at ${price} gwei`)
  return table(
    ['transaction', ...columns],
    SENT.map(([name, transaction]) => [name, ...prices.map((price) => limitOf(transaction, price))]),
    columns,
  )
}

function tableOfFixed(): string {
  const levels = [0.5, 2, 20]
  const perDay = (rhythm: Rhythm, layer1: number) =>
    dollarsOf(fixedCostPerDay(rhythm, feePricesAt({ layer1, layer2: 0 }).layer2), ETHER)
  const columns = levels.flatMap((level) => [`$ a day at ${level}`, `transactions at ${level}`])
  return table(
    ['proofs', ...columns],
    RHYTHMS.map(([name, rhythm]) => [
      name,
      ...levels.flatMap((level) => {
        const dollars = perDay(rhythm, level)
        return [dollars.toFixed(2), Math.ceil(dollars / AIM).toLocaleString('en')]
      }),
    ]),
    columns,
  )
}

function writePlots(): void {
  const gwei = Array.from({ length: UP_TO_GWEI * 2 }, (_, at) => (at + 1) / 2)
  const series = SENT.filter(([name]) => PLOTTED.includes(name)).map(([name, transaction]) => ({
    name,
    points: gwei.map((layer1): [number, number] => [
      layer1 / 10,
      dollarsAt({ layer1, layer2: USUAL.layer2 }, transaction),
    ]),
  }))
  const out = (name: string, svg: string) => writeFileSync(join(DOCS, 'layer2', name), svg)
  out(
    'cost.svg',
    lines({
      title: `Dollars a transaction, at ${USUAL.layer2} gwei on layer 2`,
      x: 'gas on layer 1, tens of gwei (blob gas at its least)',
      log: true,
      series: [...series, { name: 'aim', points: gwei.map((layer1) => [layer1 / 10, AIM]) }],
    }),
  )
  const powers = Array.from({ length: 31 }, (_, at) => 2 + at / 10)
  const { layer2 } = feePricesAt(USUAL)
  out(
    'traffic.svg',
    lines({
      title: `Fixed cost on layer 1, dollars a transaction, at ${USUAL.layer1} gwei there`,
      x: 'transactions a day, as a power of ten',
      log: true,
      series: [
        ...RHYTHMS.map(([name, rhythm]) => ({
          name: `proofs ${name}`,
          points: powers.map((power): [number, number] => [
            power,
            dollarsOf(fixedCostPerDay(rhythm, layer2), ETHER) / 10 ** power,
          ]),
        })),
        { name: 'aim', points: powers.map((power): [number, number] => [power, AIM]) },
      ],
    }),
  )
}
