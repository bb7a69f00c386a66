import type { Sides, Transfer, TransferStatus } from '@cloister/bridge'
import { formatAmount, formatDuration } from '@cloister/core'
import { paint, printable } from '@cloister/terminal'

/** A transfer and where it is. */
export interface Found {
  transfer: Transfer
  status: TransferStatus
}

/** As `1.5 ETH`. */
export function amountOf({ amount, asset }: Pick<Transfer, 'amount' | 'asset'>): string {
  return `${formatAmount(amount, asset.decimals)} ${printable(asset.symbol)}`
}

/** Where something is, in one line. Nothing is promised that another has to do. */
export function phrase({ below }: Sides, { kind, start }: Transfer, status: TransferStatus): string {
  const again = `cloister bridge ${kind === 'deposit' ? 'deposit' : 'withdraw'} --resume ${start.hash}`
  switch (status.phase) {
    case 'sending':
      return `its first transaction is signed, and not on the chain yet: \`${again}\` sends it again`
    case 'lost':
      return 'it never began: another transaction of the account took its place. Nothing was moved'
    case 'failed':
      return status.why
    case 'crossing':
      return 'layer 1 has it; layer 2 takes it once its nodes have seen that, some minutes as a rule'
    case 'waiting-for-output':
      return `waits until somebody proves layer 2’s state after block ${status.block} to ${below.name}; nobody can say exactly when`
    case 'ready-to-prove':
      return `can be proved now: \`${again}\``
    case 'waiting-for-end':
      return status.until === undefined
        ? 'is proved, and waits until the output that it was proved by counts'
        : `is proved; can be ended after ${dateOf(status.until)} (${fromNow(status.until)})`
    case 'ready-to-finalize':
      return `can be ended now: \`${again}\``
    case 'done':
      return `arrived on ${kind === 'deposit' ? 'layer 2' : below.name}`
  }
}

function dateOf(seconds: number): string {
  return new Date(seconds * 1_000).toISOString().slice(0, 16).replace('T', ' ').concat(' UTC')
}

function fromNow(seconds: number): string {
  const left = seconds - Math.floor(Date.now() / 1_000)
  return left > 0 ? `in ${formatDuration(left)}` : 'by now'
}

/** The same for programs: times in Unix seconds, amounts in base units. */
export function jsonOf({ transfer, status }: Found) {
  const { kind, start, asset, amount, account, to, prove, finalize } = transfer
  return {
    kind,
    transaction: start.hash,
    asset,
    amount,
    account,
    to,
    ...(prove && { prove: prove.hash }),
    ...(finalize && { finalize: finalize.hash }),
    ...status,
  }
}

/** A mark for each, as elsewhere. */
export function mark({ phase }: TransferStatus): string {
  if (phase === 'done') return paint('green', '●')
  return phase === 'failed' || phase === 'lost' ? paint('red', '✗') : paint('yellow', '○')
}
