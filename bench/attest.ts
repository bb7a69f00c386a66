import { prepareEndorsements, verifyQuote } from '@cloister/attest'
import { say, table } from '@cloister/terminal'
import { mutantsOf } from '../packages/attest/peer/mutations.ts'
import { askPeer } from '../packages/attest/peer/peer.ts'
import { hasVectors, type QuoteVector, quoteVectors } from '../packages/attest/peer/vectors.ts'
import { spread } from './numbers.ts'

const ROUNDS = 300
/** CLOISTER_MUTANTS=20000 for the table in docs/attestation.md. */
const MUTANTS = Number(process.env['CLOISTER_MUTANTS'] ?? 1_000)

/**
 * Speed and verdicts of quote verification beside @phala/dcap-qvl, on the same real quotes in the same
 * process.
 */
export async function benchAttest(): Promise<void> {
  if (!hasVectors) return say('Left out: there are no real quotes in ../shared/vectors.')
  const vectors = quoteVectors()
  const rows: string[][] = []
  for (const vector of vectors) {
    const { quote, endorsements, instant, name } = vector
    const prepared = await prepareEndorsements(endorsements)
    const peer = await median(async () => askPeer(quote, endorsements, instant))
    const cold = await median(() => verifyQuote(quote, endorsements, { instant }))
    const warm = await median(() => verifyQuote(quote, prepared, { instant }))
    rows.push([
      name,
      ms(peer),
      ms(cold),
      `${(peer / cold).toFixed(1)}×`,
      ms(warm),
      `${(peer / warm).toFixed(1)}×`,
    ])
  }
  say(
    table(['vector', 'peer', 'ours, cold', 'ratio', 'ours, endorsements prepared', 'ratio '], rows, [
      'peer',
      'ours, cold',
      'ratio',
      'ours, endorsements prepared',
      'ratio ',
    ]),
  )
  say(`medians of ${ROUNDS} verifications, milliseconds`)
  await compareVerdicts(vectors)
}

/** Where the two differ, by kind of mutation and by reason. */
async function compareVerdicts(vectors: QuoteVector[]): Promise<void> {
  const counts = new Map<string, [number, number, number, number]>()
  const reasons = new Map<string, number>()
  for (const { kind, quote, endorsements, instant } of mutantsOf(vectors, MUTANTS, 1)) {
    const ours = await verifyQuote(quote, endorsements, { instant })
    const theirs = askPeer(quote, endorsements, instant)
    const row = counts.get(kind) ?? [0, 0, 0, 0]
    const column = ours.genuine ? (theirs.accepted ? 0 : 3) : theirs.accepted ? 2 : 1
    row[column] = (row[column] ?? 0) + 1
    counts.set(kind, row)
    if (column < 2) continue
    const reason = theirs.accepted
      ? `refused by us alone: ${ours.problems[0]?.code}`
      : `refused by the peer alone: ${theirs.reason}`
    reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
  }
  const columns = ['both accept', 'both refuse', 'we alone refuse', 'peer alone refuses']
  say('')
  say(
    table(
      ['mutation', ...columns],
      [...counts].map(([kind, row]) => [kind, ...row.map(String)]),
      columns,
    ),
  )
  say(`${MUTANTS} mutants`)
  for (const [reason, count] of [...reasons].sort(([, a], [, b]) => b - a)) say(`${count} ${reason}`)
}

async function median(action: () => Promise<unknown>): Promise<number> {
  const times: number[] = []
  for (let i = 0; i < ROUNDS; i++) {
    const begun = performance.now()
    await action()
    times.push(performance.now() - begun)
  }
  return spread(times).median
}

function ms(value: number): string {
  return value.toFixed(2)
}
