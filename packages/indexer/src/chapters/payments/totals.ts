import { PERIOD_SECONDS } from '@cloister/economy'
import { total } from '../../engine/chapter.ts'
import { payments } from './fold.ts'
import { feeTotal } from './tables.ts'

/** Fee income by period: added up when it is asked, it would take longer with each fee. */
export const feeTotals = total(
  feeTotal,
  payments,
  { key: 'key', adds: ['amount'] },
  ({ kind, token, amount, time }, { emissionStart }) => {
    if (kind !== 'fee') return undefined
    const period = Math.max(-1, Math.floor((time - emissionStart) / PERIOD_SECONDS))
    return { key: `${period} ${token}`, period, token, amount }
  },
)
