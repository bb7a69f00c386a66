import { type Chain, getSeats } from '@cloister/chain'
import { CloisterError, fromBase64, messageOf } from '@cloister/core'
import { PARTS, type Part } from '@cloister/secrets'
import type { Hex } from 'viem'
import { AppPublicKeys } from '../protocol.ts'
import { askJudgedSeat } from './ask.ts'

/**
 * An app's public keys by part, from seats whose machines and manifests are checked first; a single lying
 * one changes nothing, since it is never asked for the part that it lacks. Throws `keys-unavailable` or
 * `seats-disagree`.
 */
export async function fetchPublicKeys(chain: Chain, app: Hex): Promise<[Uint8Array, Uint8Array, Uint8Array]> {
  const seats = await getSeats(chain)
  const found = new Map<Part, string>()
  const problems: string[] = []
  const question = { path: `/v1/apps/${app}/keys`, answer: AppPublicKeys }
  const answers = await Promise.all(
    seats.map((seat) =>
      askJudgedSeat(chain, seat, question).catch(
        (error) => void problems.push(`seat ${seat.index}: ${messageOf(error).replace(/\.$/, '')}`),
      ),
    ),
  )
  for (const [position, answer] of answers.entries()) {
    const seat = seats[position]
    if (!answer || !seat) continue
    for (const part of PARTS) {
      const key = answer.keys[`${part}`]
      // Whatever it says, a seat has no word on the part that it doesn't hold.
      if (key === undefined || part === seat.index) continue
      if (found.has(part) && found.get(part) !== key)
        throw new CloisterError(
          'seats-disagree',
          `Two seats of the key service name different keys for part ${part} of the app.`,
          { hint: 'One of them is not to be trusted. Nothing was sealed.' },
        )
      found.set(part, key)
    }
  }
  const [first, second, third] = PARTS.map((part) => found.get(part))
  if (first === undefined || second === undefined || third === undefined)
    throw new CloisterError(
      'keys-unavailable',
      `The key service can't be had${problems.length > 0 ? `: ${problems.join('; ')}` : ': its seats are free'}.`,
      { hint: { do: 'look-at-key-service' } },
    )
  return [fromBase64(first), fromBase64(second), fromBase64(third)]
}
