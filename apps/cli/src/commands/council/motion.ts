import type { CouncilMotion, Network } from '@cloister/chain'
import { showAmount } from '@cloister/core'

const VERBS = {
  veto: 'veto ballot',
  spam: 'call spam ballot',
  hasten: 'make shorter ballot',
} as const

/** A motion in words. */
export function describeMotion({ tokens }: Network, motion: CouncilMotion): string {
  if (motion.act !== 'spend') return `${VERBS[motion.act]} ${motion.ballot.slice(0, 10)}`
  const token = tokens.find(({ address }) => address.toLowerCase() === motion.token.toLowerCase())
  const amount = token ? showAmount(motion.amount, token) : `${motion.amount} units of ${motion.token}`
  return `pay ${amount} to ${motion.to}`
}
