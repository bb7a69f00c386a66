import { type BallotCall, findToken, GRANTS_ABI, type Network } from '@cloister/chain'
import { CloisterError, parseAmount, parseDurationMs } from '@cloister/core'
import { encodeFunctionData, getAddress, type Hex, isAddress } from 'viem'

/** Bounds of Grants.sol. */
const MOST_MILESTONES = 16
const LONGEST_SECONDS = 4 * 365 * 86_400
const MOST_UNITS = 2n ** 96n - 1n
const MILESTONE = /^(\S+) by (\d{4}-\d{2}-\d{2})(?: over (\S+))?$/

interface Terms {
  amount: bigint
  due: number
  duration: number
}

/**
 * Grants somebody money of the community pool, by milestones as `1000 by 2027-12-01 over 30d`: an amount, the
 * day by whose end (UTC) it has to be confirmed, and how long it streams from then on. `content` is the hash
 * of what it is for. Throws `bad-option`, `bad-amount`, `unknown-token`.
 */
export function granting(
  network: Network,
  to: string,
  milestones: readonly string[],
  content: Hex,
  symbol = 'CLOI',
): BallotCall {
  const pool = network.contracts.grants
  if (!pool) throw new CloisterError('not-found', `The network ${network.name} has no grants.`)
  if (!isAddress(to) || milestones.length === 0 || milestones.length > MOST_MILESTONES)
    throw new CloisterError(
      'bad-option',
      `A grant needs --grant ADDRESS and from one to ${MOST_MILESTONES} of --milestone.`,
      { hint: 'Each is --milestone "1000 by YYYY-MM-DD over 30d", its day within four years.' },
    )
  const token = findToken(network, symbol)
  const now = Math.floor(Date.now() / 1_000)
  const terms = milestones.map((text) => readMilestone(text, token.decimals, now))
  const args = [getAddress(to), token.address, content, terms] as const
  const data = encodeFunctionData({ abi: GRANTS_ABI, functionName: 'open', args })
  return { target: pool, value: 0n, data, announced: false }
}

function readMilestone(text: string, decimals: number, now: number): Terms {
  const [, amount = '', day = '', over] = MILESTONE.exec(text.trim()) ?? []
  const wrong = (why: string) =>
    new CloisterError('bad-option', `${text.slice(0, 60)} is no milestone: ${why}.`, {
      hint: 'Write "1000 by YYYY-MM-DD over 30d", its day within four years; without `over` it is paid at once when confirmed.',
    })
  if (amount === '') throw wrong('it is written AMOUNT by YYYY-MM-DD over DURATION')
  const due = Math.floor(Date.parse(`${day}T23:59:59Z`) / 1_000)
  if (!(due > now && due <= now + LONGEST_SECONDS))
    throw wrong('its day has to be within four years from now')
  const duration = over === undefined ? 0 : Math.floor(parseDurationMs(over) / 1_000)
  const units = parseAmount(amount, decimals)
  if (units === 0n || units > MOST_UNITS) throw wrong('it pays nothing, or more than there can be')
  return { amount: units, due, duration }
}
