// `npm run soak`: two days of the chain's life in minutes, then 200 kill -9 at random moments. Ends with 1
// where anything is amiss.
import { parseArgs } from 'node:util'
import { say, table } from '@cloister/terminal'
import { liveThrough } from './lapse.ts'
import { soak } from './soak.ts'

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
    hours: { type: 'string', default: '48' },
  },
})

if (Number(values.hours) > 0) {
  const rows: string[][] = []
  const figure = (value: number) => value.toFixed(value < 10 ? 1 : 0)
  await liveThrough(Number(values.hours), { engineBlocks: 600, depth: 260 }, (hour) => {
    const {
      hour: number,
      blocks,
      engineMiB,
      filesKiB,
      callMs,
      blockMs,
      startMs,
      indexMiB,
      indexFilesMiB,
      indexLagMs,
    } = hour
    rows.push(
      [
        number,
        blocks,
        engineMiB,
        filesKiB,
        callMs,
        blockMs,
        startMs,
        indexMiB,
        indexFilesMiB,
        indexLagMs,
      ].map(figure),
    )
    process.stderr.write(
      `hour ${number}, block ${blocks}: engine ${figure(engineMiB)} MiB, call ${figure(callMs)} ms, start ${figure(startMs)} ms\n`,
    )
  })
  say(
    table(
      [
        'hour',
        'blocks',
        'engine MiB',
        'files KiB',
        'call ms',
        'block ms',
        'start ms',
        'index MiB',
        'index files MiB',
        'index lag ms',
      ],
      rows,
    ),
  )
}

const rows: string[][] = []
const findings = await soak({
  kills: Number(values.kills),
  seed: Number(values.seed),
  onRound: ({ number, act, victim, afterMs, exitCode, healedMs }) => {
    rows.push([String(number), act, victim, String(afterMs), String(exitCode), String(Math.round(healedMs))])
    process.stderr.write(
      `${number}: ${act}, ${victim} killed after ${afterMs} ms, exit code ${exitCode}, healed in ${Math.round(healedMs)} ms\n`,
    )
  },
})
say(table(['kill', 'during', 'of', 'after ms', 'exit code', 'healed ms'], rows))
const { rounds, leases, orphans, ...numbers } = findings
for (const orphan of orphans) say(`left behind: ${orphan}`)
const amiss = { orphans: orphans.length, ...numbers }
say(
  table(
    ['kills', 'leases', ...Object.keys(amiss)],
    [[String(rounds), String(leases), ...Object.values(amiss).map(String)]],
  ),
)
process.exit(Object.values(amiss).every((value) => BigInt(value) === 0n) ? 0 : 1)
