import { formatAmount } from '@cloister/core'
import { showAccount } from '../account.ts'
import { KINDS, nothing } from './holdings.ts'
import { NEW_DECIMALS, toNewUnits } from './leaves.ts'
import type { Snapshot } from './snapshot.ts'

/** What a report says besides the snapshot itself. */
export interface Provenance {
  /** The hash of the block, where it was known. */
  blockHash: string | undefined
  stateRoot: string
  /** Whether all that was read makes the state root that the block's header names. */
  isVerified: boolean
  /** SHA-256 of the table of pure proxies that it was counted with; undefined without one. */
  pureProxies?: string
}

/** Amounts in the old chain's units, as decimal strings; the books of a snapshot, for programs. */
export function reportOf(snapshot: Snapshot, provenance: Provenance) {
  const { chain, block, time, issuance, accounts, leftOut, leaves, root, resolved } = snapshot
  const kinds = nothing()
  for (const { holding } of accounts) for (const kind of KINDS) kinds[kind] += holding[kind]
  const counted = accounts.reduce((sum, { amount }) => sum + amount, 0n)
  const left = new Map<string, { accounts: number; amount: bigint }>()
  for (const { reason, amount } of leftOut) {
    const before = left.get(generalReason(reason)) ?? { accounts: 0, amount: 0n }
    left.set(generalReason(reason), { accounts: before.accounts + 1, amount: before.amount + amount })
  }
  const vesting = accounts.flatMap((account) => account.vesting)
  return {
    chain,
    block,
    time,
    ...provenance,
    issuance: String(issuance),
    counted: String(counted),
    byKind: Object.fromEntries(KINDS.map((kind) => [kind, String(kinds[kind])])),
    vesting: String(vesting.reduce((sum, { amount }) => sum + amount, 0n)),
    leftOut: [...left].map(([reason, { accounts: count, amount }]) => ({
      reason,
      accounts: count,
      amount: String(amount),
    })),
    difference: String(issuance - counted - leftOut.reduce((sum, { amount }) => sum + amount, 0n)),
    accounts: accounts.length,
    resolved: resolved.length,
    unclear: accounts.filter(({ isUnclear }) => isUnclear).length,
    leaves: leaves.length,
    newTotal: String(toNewUnits(counted, chain.decimals)),
    root,
  }
}

export type Report = ReturnType<typeof reportOf>

/** Reasons that name a pool or an NFT are one, without the number. */
function generalReason(reason: string): string {
  return reason.replace(/ \(\d+\)$/, '').replace(/(stake pool|vault) \d+/, 'a $1')
}

/** The same for people, in Markdown. */
export function writeReport(report: Report): string {
  const { chain } = report
  const old = (amount: string) => `${formatAmount(BigInt(amount), chain.decimals)} ${chain.symbol}`
  const rows = (lines: [string, string][]) =>
    lines.map(([name, amount]) => `| ${name} | ${amount} |`).join('\n')
  return `# What ${chain.name} owed at block ${report.block}

- Block: ${report.blockHash ?? 'hash not given'}, ${new Date(report.time * 1000).toISOString()}
- State root: ${report.stateRoot} (${
    report.isVerified
      ? 'made anew from every pair of the state, and the one in the block’s header'
      : 'made anew from the file; compare it with the block’s header'
  })
- Runtime: ${chain.name} ${report.chain.specVersion}
- Pure proxies: ${
    report.pureProxies === undefined
      ? 'known by their deposits alone'
      : `known by their deposits, and by a table of how they came to be (SHA-256 ${report.pureProxies})`
  }
- Root of the leaves: ${report.root}

| legacy ${chain.symbol} (${chain.decimals} decimals) | amount |
| --- | ---: |
${rows(KINDS.map((kind) => [kind, old(report.byKind[kind] ?? '0')]))}
| **counted**, in ${report.accounts} accounts | ${old(report.counted)} |
${rows(report.leftOut.map(({ reason, accounts, amount }) => [`left out: ${reason} (${accounts})`, old(amount)]))}
| **total issuance** | ${old(report.issuance)} |
| difference | ${report.difference} units |

Of what is counted, ${old(report.vesting)} vests. ${report.resolved} accounts without a key were resolved.
Unclear: ${report.unclear} accounts that have proxies and never signed. Multisig accounts can be claimed, pure
proxies that reserved something can't: see accounts.csv before this root is paid by, and count again with a
table of how pure proxies came to be (\`--pure-proxies\`).
New: ${report.leaves} leaves, ${formatAmount(BigInt(report.newTotal), NEW_DECIMALS)} CLOI (${NEW_DECIMALS} decimals), 1 CLOI for 1 ${chain.symbol}.
`
}

/** A row for each account: what it owned by kind, and what it gets. Amounts in whole tokens. */
export function writeAccounts({ accounts, chain, resolved }: Snapshot): string {
  const from = Map.groupBy(resolved, ({ to }) => to)
  const old = (amount: bigint) => formatAmount(amount, chain.decimals)
  const rows = accounts.map(({ account, holding, amount, vesting, isUnclear }) => [
    account,
    showAccount(account, chain.prefix),
    ...KINDS.map((kind) => old(holding[kind])),
    old(amount),
    old(vesting.reduce((sum, part) => sum + part.amount, 0n)),
    formatAmount(toNewUnits(amount, chain.decimals), NEW_DECIMALS),
    (from.get(account) ?? []).map(({ account: source, how }) => `${how} ${source}`).join('; '),
    isUnclear ? 'a multisig account or a pure proxy' : '',
  ])
  const names = [
    'account',
    'address',
    ...KINDS,
    `legacy ${chain.symbol}`,
    'of that vesting',
    'new CLOI',
    'also for',
    'unclear',
  ]
  return csv([names, ...rows])
}

/** A row for what was left out, and why. */
export function writeLeftOut({ leftOut, chain }: Snapshot): string {
  const rows = leftOut.map(({ account, amount, reason }) => [
    account,
    showAccount(account, chain.prefix),
    formatAmount(amount, chain.decimals),
    reason,
  ])
  return csv([['account', 'address', `legacy ${chain.symbol}`, 'reason'], ...rows])
}

/** RFC 4180, with line feeds. */
function csv(rows: readonly string[][]): string {
  const quoted = (field: string) => (/[",\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field)
  return `${rows.map((row) => row.map(quoted).join(',')).join('\n')}\n`
}
