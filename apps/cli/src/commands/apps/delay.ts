import { getApp, setUpgradeDelay } from '@cloister/chain'
import { walletOf } from '@cloister/sdk'
import { sayJson } from '@cloister/terminal'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import { secondsOf } from '../../durations.ts'
import { resolveApp } from '../../secret-options.ts'
import { sayApp } from './show.ts'

export async function setDelay(name: string, time: string, options: Globals): Promise<void> {
  const cloister = connect(options)
  const app = resolveApp(cloister, name)
  await setUpgradeDelay(walletOf(cloister), app, secondsOf(time))
  const changed = await getApp(cloister.chain, app)
  if (options.json) return sayJson(changed)
  sayApp(changed)
}
