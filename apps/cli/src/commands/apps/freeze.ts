import { freezeApp, getApp } from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import { walletOf } from '@cloister/sdk'
import { note, sayJson } from '@cloister/terminal'
import { confirm } from '../../ask.ts'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import { resolveApp } from '../../secret-options.ts'
import { sayApp } from './show.ts'

export async function freeze(name: string, options: Globals & { yes?: boolean }): Promise<void> {
  const cloister = connect(options)
  const app = resolveApp(cloister, name)
  const known = await getApp(cloister.chain, app)
  if (!options.json && !options.yes) {
    sayApp(known)
    note('')
    if (!(await confirm('Allow nothing new in this app, ever?')))
      throw new CloisterError('cancelled', 'Nothing was frozen.')
  }
  await freezeApp(walletOf(cloister), app)
  const frozen = await getApp(cloister.chain, app)
  if (options.json) return sayJson(frozen)
  sayApp(frozen)
}
