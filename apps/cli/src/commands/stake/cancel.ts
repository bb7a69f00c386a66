import { cancelExit } from '@cloister/chain'
import { walletOf } from '@cloister/sdk'
import { say, sayJson } from '@cloister/terminal'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import { idOf } from './positions.ts'

export async function stay(id: string, options: Globals): Promise<void> {
  const { transactionHash } = await cancelExit(walletOf(connect(options)), idOf(id))
  if (options.json) return sayJson({ id, transaction: transactionHash })
  say(`Exit ${id} is cancelled: what was left of it is active stake again.`)
}
