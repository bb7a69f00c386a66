import { parseAccount } from '@cloister/migration'
import { migration } from '@cloister/sdk'
import { paint, say, sayJson } from '@cloister/terminal'
import { connect } from '../../context.ts'
import { type LeavesOptions, openLeaves } from './leaves.ts'

export async function release(address: string, options: LeavesOptions): Promise<void> {
  const account = parseAccount(address)
  const transactions = await migration.release(connect(options), openLeaves(options), account)
  if (options.json) return sayJson({ account, transactions })
  say(
    transactions.length === 0
      ? `Of the legacy account ${account} nothing was claimed that vests still.`
      : `${paint('green', '●')} Paid: ${transactions.join(', ')}`,
  )
}
