import { findToken } from '@cloister/chain'
import { CloisterError, parseAmount } from '@cloister/core'
import { models } from '@cloister/sdk'
import { say, sayJson, table } from '@cloister/terminal'
import { type Address, getAddress, isAddress } from 'viem'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import { secondsOf } from '../../durations.ts'
import { writeOutput } from '../../output-file.ts'
import { instant, money } from '../../show.ts'

export interface CreateKeyOptions extends Globals {
  token: string
  cap: string
  for: string
  output?: string
}

/** Makes an API key. Its text goes to standard output, or to a file that only its owner reads. */
export async function createKey(options: CreateKeyOptions): Promise<void> {
  const cloister = connect(options)
  const token = findToken(cloister.network, options.token)
  const cap = parseAmount(options.cap, token.decimals)
  if (cap === 0n) throw new CloisterError('bad-amount', 'A key needs a cap of more than nothing.')
  const until = Math.floor(Date.now() / 1000) + secondsOf(options.for)
  const made = await models.createKey(cloister, { token: token.symbol, cap, until })
  const { output } = options
  if (output !== undefined) writeOutput(output, `${made.apiKey}\n`, { mode: 0o600, flag: 'wx' })
  const { apiKey, ...others } = made
  if (options.json) return sayJson(output === undefined ? made : { ...others, written: output })
  say(output === undefined ? apiKey : `Wrote the key to ${output}.`)
  say(
    `It spends ${money(cloister.network, made.token, cap)} of your purse at most, until ${instant(until)}. ${
      output === undefined ? 'It is shown this once: keep it as you keep a password.' : ''
    }`.trimEnd(),
  )
}

/** The account's keys, and what they may still spend. */
export async function showKeys(options: Globals): Promise<void> {
  const cloister = connect(options)
  const keys = await models.keys(cloister)
  if (options.json) return sayJson(keys)
  if (keys.length === 0) return say('There are no API keys. Make one: cloister model key create --cap 5')
  const { network } = cloister
  const now = Date.now() / 1000
  say(
    table(
      ['key', 'cap', 'drawn', 'until', ''],
      keys.map(({ key, token, cap, drawn, until }) => [
        key,
        money(network, token, cap),
        money(network, token, drawn),
        instant(until),
        cap <= drawn ? (cap === 0n ? 'revoked' : 'used up') : until < now ? 'over' : 'good',
      ]),
      ['cap', 'drawn'],
    ),
  )
}

/** Has a key spend nothing more. */
export async function revokeKey(text: string, options: Globals): Promise<void> {
  const cloister = connect(options)
  const key = await keyFrom(text, cloister)
  await models.revokeKey(cloister, key)
  if (options.json) return sayJson({ key, revoked: true })
  say(`The key ${key} draws nothing more. What it promised before is still paid.`)
}

/** An address, or the text of a key. */
async function keyFrom(text: string, cloister: ReturnType<typeof connect>): Promise<Address> {
  if (isAddress(text, { strict: false })) return getAddress(text)
  if (text.startsWith('sk-clo-')) return (await models.keyOf(cloister, text)).key
  throw new CloisterError('bad-key', 'That is neither the address of a key nor a key.', {
    hint: 'See `cloister model key list`.',
  })
}
