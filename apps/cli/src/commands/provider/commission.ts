import { setCommission } from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import { walletOf } from '@cloister/sdk'
import { say, sayJson } from '@cloister/terminal'
import { connect } from '../../context.ts'
import type { ProviderOptions } from './options.ts'

export async function commission(percent: string, options: ProviderOptions): Promise<void> {
  const bps = Math.round(Number(percent) * 100)
  if (!/^\d{1,2}(\.\d{1,2})?$/.test(percent) || bps > 5_000)
    throw new CloisterError('bad-option', 'A commission is a percentage from 0 to 50, such as 5 or 7.5.')
  const { transactionHash } = await setCommission(walletOf(connect(options)), bps)
  if (options.json) return sayJson({ bps, transaction: transactionHash })
  say(
    `The commission is ${percent}%: at once if that is less than before, in a week if it is more. GPU rewards are always shared half and half.`,
  )
}
