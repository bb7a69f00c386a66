import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { say, table } from '@cloister/terminal'

/**
 * What an OP Stack layer 2 of this kind asks: 0.01 gwei for a unit of gas is above what the large ones have
 * asked through most of 2025 and 2026 (0.001 to 0.01), and data costs what blobs do, which has been a small
 * part of it. Change them: CLOISTER_GWEI=0.05 CLOISTER_ETHER=4000 npm run bench -- gas
 */
const GWEI = Number(process.env['CLOISTER_GWEI'] ?? 0.01)
const ETHER = Number(process.env['CLOISTER_ETHER'] ?? 3000)
const AIMS: Record<string, number> = {
  open: 180_000,
  settle: 60_000,
  'settleMany per lease at 50': 28_000,
  close: 90_000,
  delegate: 110_000,
  'claimReward of 24 epochs': 150_000,
}
const SNAPSHOT = resolve(import.meta.dirname, '../contracts/snapshots/Gas.json')

export async function benchGas(): Promise<void> {
  const gas = JSON.parse(readFileSync(SNAPSHOT, 'utf8')) as Record<string, string>
  const rows = Object.entries(gas).map(([operation, units]) => {
    const aim = AIMS[operation]
    return [
      operation,
      Number(units).toLocaleString('en'),
      aim === undefined ? '' : `${aim.toLocaleString('en')} (${Math.round((Number(units) / aim) * 100)}%)`,
      `$${((Number(units) * GWEI * ETHER) / 1e9).toFixed(5)}`,
    ]
  })
  say(table(['operation', 'gas', 'aim', 'dollars'], rows, ['gas', 'dollars']))
  say(
    `at ${GWEI} gwei and $${ETHER} an ether; from contracts/snapshots/Gas.json, which \`npm test\` writes and CI compares`,
  )
}
