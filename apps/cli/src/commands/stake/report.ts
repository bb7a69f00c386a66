import { readFileSync } from 'node:fs'
import { type Reported, reportContradiction, reportRefusal } from '@cloister/chain'
import { CloisterError, showAmount } from '@cloister/core'
import { leases, walletOf } from '@cloister/sdk'
import { facts, say, sayJson } from '@cloister/terminal'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import { CLOI } from '../../show.ts'

export async function report(what: string, and: string | undefined, options: Globals): Promise<void> {
  const cloister = connect(options)
  const wallet = walletOf(cloister)
  const done: Reported =
    and === undefined
      ? await reportRefusal(wallet, (await leases.findLease(cloister, what)).lease)
      : await reportContradiction(wallet, readJson(what), readJson(and))
  if (options.json) return sayJson(done)
  say(
    facts([
      ['taken', `${showAmount(done.taken, CLOI, 6)} of the provider’s pool`],
      ['reward', `${showAmount(done.reward, CLOI, 6)} for ${wallet.account.address}`],
      ['transaction', done.transaction],
    ]),
  )
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (cause) {
    throw new CloisterError('bad-report', `${path} can not be read as JSON.`, { cause })
  }
}
