import { findToken } from '@cloister/chain'
import { CloisterError, parseAmount } from '@cloister/core'
import { models, walletOf } from '@cloister/sdk'
import { facts, say, sayJson } from '@cloister/terminal'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import { instant, money } from '../../show.ts'

export interface PurseOptions extends Globals {
  token: string
}

/** Puts money into the purse. */
export async function fundPurse(text: string, options: PurseOptions): Promise<void> {
  const cloister = connect(options)
  const token = findToken(cloister.network, options.token)
  const amount = parseAmount(text, token.decimals)
  if (amount === 0n) throw new CloisterError('bad-amount', 'Put in more than nothing.')
  await models.fund(cloister, { token: token.symbol, amount })
  const { address } = walletOf(cloister).account
  const { balance } = await models.purse(cloister, address, token.symbol)
  if (options.json) return sayJson({ token: token.address, amount, balance })
  say(
    `Your purse has ${money(cloister.network, token.address, balance)}. API keys spend it at every endpoint.`,
  )
}

/** What is in the purse. */
export async function showPurse(options: PurseOptions): Promise<void> {
  const cloister = connect(options)
  const token = findToken(cloister.network, options.token)
  const { address } = walletOf(cloister).account
  const purse = await models.purse(cloister, address, token.symbol)
  if (options.json) return sayJson({ token: token.address, ...purse })
  say(
    facts([
      ['purse', money(cloister.network, token.address, purse.balance)],
      ...(purse.leavesAt === undefined
        ? []
        : [
            [
              'leaving',
              `${money(cloister.network, token.address, purse.leaving)} from ${instant(purse.leavesAt)} on`,
            ] as [string, string],
          ]),
    ]),
  )
}

/** Takes money back: announces it first, and takes it once that has stood for its time. */
export async function withdrawPurse(text: string, options: PurseOptions): Promise<void> {
  const cloister = connect(options)
  const token = findToken(cloister.network, options.token)
  const amount = parseAmount(text, token.decimals)
  if (amount === 0n) throw new CloisterError('bad-amount', 'Take out more than nothing.')
  const { withdrawn, readyAt } = await models.withdraw(cloister, { token: token.symbol, amount })
  if (options.json) return sayJson({ token: token.address, withdrawn, readyAt })
  say(
    readyAt === undefined
      ? `${money(cloister.network, token.address, withdrawn)} is back in your account.`
      : `Announced. Endpoints may draw what they served until ${instant(readyAt)}; then type the same again.`,
  )
}
