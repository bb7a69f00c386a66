import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { CloisterError, formatAmount } from '@cloister/core'
import { type Claim, type Leaves, NEW_DECIMALS, parseLeaves } from '@cloister/migration'
import type { Globals } from '../../command.ts'
import { findNetwork } from '../../context.ts'
import { readInput } from './input.ts'

export interface LeavesOptions extends Globals {
  leaves?: string
}

const NAME = 'leaves.json'

/** The leaves that the network was deployed with. Throws `no-file`, `bad-file`. */
export function openLeaves(options: LeavesOptions): Leaves {
  const path = options.leaves ?? [NAME, join(dirname(findNetwork(options)), NAME)].find(existsSync)
  if (path === undefined)
    throw new CloisterError('no-file', `There is no ${NAME} here, nor beside the network’s description.`, {
      hint: 'Get the one of the snapshot that the network was deployed with, and name it with --leaves.',
    })
  return parseLeaves(readInput(path))
}

/** Units of the new token, as both tokens. The old one had fewer decimals, so that no unit is lost. */
export function bothAmounts(amount: bigint, { decimals, symbol }: Claim['legacy']): string {
  const old = amount / 10n ** BigInt(NEW_DECIMALS - decimals)
  return `${formatAmount(old, decimals)} ${symbol} (legacy, ${decimals} decimals) = ${formatAmount(amount, NEW_DECIMALS)} CLOI (new, ${NEW_DECIMALS} decimals)`
}
