import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { EMISSION_TOTAL, EPOCH_SECONDS, emitted, gpuBudgetOf, PERIOD_SECONDS } from '@cloister/economy'
import { note, Steps, say, table } from '@cloister/terminal'
import { agreeWithContracts } from './emission/contracts.ts'
import { CLASSES, type Simulated, simulate } from './emission/simulation.ts'
import { lines } from './plot.ts'
import { DOCS, writeSections } from './sections.ts'

const SEED = 20_261_121
const YEAR = 365 * 86_400
/**
 * What a GPU of a class is leased for, dollars an hour, and what of that is the network's fee in a stable
 * token.
 */
const PRICES = { h100: 2, h200: 3, b200: 5 } as const
const FEE = 0.2
const CLOI_PRICES = [0.02, 0.1, 0.5]
const CLOI = 1e18

/**
 * Ten years with 5,000 providers and 100,000 delegators, out of a seed; the same model against the contracts
 * on a sample; plots and tables into docs/economics.md.
 */
export async function benchEmission(): Promise<void> {
  const steps = new Steps(false)
  steps.begin('simulation', '10 years')
  const began = performance.now()
  const simulated = simulate(
    { seed: SEED, years: 10, providers: 5_000, delegators: 100_000, half: 3 },
    (part) => steps.begin('simulation', `${Math.round(part * 100)}%`),
  )
  const seconds = (performance.now() - began) / 1000
  steps.begin('contracts', 'a sample of it, each act on a chain of its own')
  const agreed = await agreeWithContracts({ seed: SEED, providers: 30, delegators: 120, days: 120 }, (part) =>
    steps.begin('contracts', `${Math.round(part * 100)}%`),
  )
  steps.done()
  const sections = {
    h200: tableOfH200(),
    yields: tableOfYields(simulated),
    fees: tableOfFees(simulated),
    run: tableOfRun(simulated, seconds, agreed),
  }
  for (const [name, text] of Object.entries(sections)) {
    say(`\n${name}`)
    say(text)
  }
  writePlots(simulated)
  writeSections('economics.md', sections)
  note('docs/economics.md and its plots are written.')
}

/** What an H200 earns while it is a part of all GPUs' weight: CLOI a day in each period. */
function tableOfH200(): string {
  const rows = [0, 1, 2, 4, 8, 12, 19].map((period) => {
    const day = (Number(gpuBudgetOf((period * PERIOD_SECONDS) / EPOCH_SECONDS)) / CLOI) * 24
    const cells = [0.01, 0.1].flatMap((share) => [(day * share) / 2, day * share])
    return [String(period + 1), day, ...cells].map((cell) =>
      typeof cell === 'number' ? cell.toLocaleString('en', { maximumFractionDigits: 1 }) : cell,
    )
  })
  return table(
    [
      'period',
      'all GPUs, CLOI a day',
      '1%: provider',
      '1%: with its pool',
      '10%: provider',
      '10%: with its pool',
    ],
    rows,
    ['all GPUs, CLOI a day', '1%: provider', '1%: with its pool', '10%: provider', '10%: with its pool'],
  )
}

function tableOfYields({ years }: Simulated): string {
  return table(
    [
      'year',
      'providers',
      'delegators',
      'staked, million CLOI',
      'GPUs',
      'yield: least 10%',
      'middle',
      'most 10%',
    ],
    years.map(({ year, providers, delegators, staked, gpus, yields }) => [
      String(year),
      providers.toLocaleString('en'),
      delegators.toLocaleString('en'),
      (staked / 1e6).toFixed(1),
      gpus.toLocaleString('en'),
      ...yields.map((part) => `${(part * 100).toFixed(1)}%`),
    ]),
    ['providers', 'delegators', 'staked, million CLOI', 'GPUs', 'yield: least 10%', 'middle', 'most 10%'],
  )
}

/** Part of all GPUs' time that has to be leased for the fees to be worth as much as what is emitted. */
function utilisationNeeded({ gpus }: Simulated['years'][number], year: number, cloiPrice: number): number {
  const emittedPerHour =
    Number(emitted((year - 0.5) * YEAR + EPOCH_SECONDS) - emitted((year - 0.5) * YEAR)) / CLOI
  return (emittedPerHour * cloiPrice) / (gpus * averagePrice() * FEE)
}

function averagePrice(): number {
  return CLASSES.reduce((sum, { name, share }) => sum + PRICES[name] * share, 0)
}

function tableOfFees({ years }: Simulated): string {
  return table(
    ['year', 'GPUs', ...CLOI_PRICES.map((price) => `CLOI at $${price}`)],
    years.map((one) => [
      String(one.year),
      one.gpus.toLocaleString('en'),
      ...CLOI_PRICES.map((price) => {
        const needed = utilisationNeeded(one, one.year, price)
        return needed > 1 ? 'never' : `${(needed * 100).toFixed(1)}%`
      }),
    ]),
    ['GPUs', ...CLOI_PRICES.map((price) => `CLOI at $${price}`)],
  )
}

function tableOfRun(
  { acts, minted, emittedAll }: Simulated,
  seconds: number,
  agreed: { acts: number; figures: number },
): string {
  return table(
    ['', ''],
    [
      ['seed', String(SEED)],
      ['acts in ten years', acts.toLocaleString('en')],
      ['time it took', `${seconds.toFixed(0)} s`],
      ['emitted', `${(Number(emittedAll) / CLOI).toLocaleString('en', { maximumFractionDigits: 0 })} CLOI`],
      ['of it claimed', `${(Number(minted) / CLOI).toLocaleString('en', { maximumFractionDigits: 0 })} CLOI`],
      ['acts of the sample, done on a chain', agreed.acts.toLocaleString('en')],
      ['figures compared with the contracts, all equal to the unit', agreed.figures.toLocaleString('en')],
    ],
  )
}

function writePlots({ years, monthly }: Simulated): void {
  const half = Array.from({ length: 21 }, (_, index) => index / 2)
  const out = (name: string, svg: string) => writeFileSync(join(DOCS, 'economics', name), svg)
  out(
    'emission.svg',
    lines({
      title: 'Emitted, million CLOI',
      x: 'years since emission began',
      series: [
        { name: 'all', points: half.map((year) => [year, Number(emitted(year * YEAR)) / CLOI / 1e6]) },
        {
          name: 'stake, and GPUs, each',
          points: half.map((year) => [year, (Number(emitted(year * YEAR)) / CLOI / 1e6) * 0.4]),
        },
        {
          name: 'treasury',
          points: half.map((year) => [year, (Number(emitted(year * YEAR)) / CLOI / 1e6) * 0.2]),
        },
        { name: 'never more than', points: half.map((year) => [year, Number(EMISSION_TOTAL) / CLOI / 1e6]) },
      ],
    }),
  )
  out(
    'yields.svg',
    lines({
      title: 'Yield of a delegator, % a year (simulated)',
      x: 'years since emission began',
      log: true,
      series: [
        { name: 'most 10%', points: monthly.map(({ year, yields }) => [year, yields[2] * 100]) },
        { name: 'middle', points: monthly.map(({ year, yields }) => [year, yields[1] * 100]) },
        { name: 'least 10%', points: monthly.map(({ year, yields }) => [year, yields[0] * 100]) },
      ],
    }),
  )
  out(
    'fees.svg',
    lines({
      title: 'Part of GPU time to be leased so that fees are worth what is emitted, %',
      x: 'year',
      log: true,
      series: [
        ...CLOI_PRICES.map((price) => ({
          name: `CLOI at $${price}`,
          points: years.map((one): [number, number] => [
            one.year,
            utilisationNeeded(one, one.year, price) * 100,
          ]),
        })),
        { name: 'all there is', points: years.map(({ year }) => [year, 100]) },
      ],
    }),
  )
}
