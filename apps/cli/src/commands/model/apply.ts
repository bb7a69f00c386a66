import { homedir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { CloisterError, formatDuration, messageOf } from '@cloister/core'
import { takeLock } from '@cloister/operations/lock'
import { type AppliedEndpoint, type Cloister, type ModelsPlan, models, walletOf } from '@cloister/sdk'
import { note, paint, printable, Steps, say, sayJson } from '@cloister/terminal'
import { confirm } from '../../ask.ts'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import { secondsOf } from '../../durations.ts'
import { onInterrupt } from '../leases/streams.ts'
import { planJson, planTable } from './apply-shown.ts'
import { keepTokens, readModels } from './models-file.ts'

export interface ApplyModelsOptions extends Globals {
  yes?: boolean
  dryRun?: boolean
  prune?: boolean
  watch?: boolean
  every: string
}

/** Has what runs be what a file says: once, or until it is ended. */
export async function applyModels(path: string, options: ApplyModelsOptions): Promise<void> {
  const cloister = connect(options)
  const { json, yes, prune, watch, dryRun } = options
  const everyMs = Math.max(1, secondsOf(options.every)) * 1000
  if (prune === true && yes !== true && dryRun !== true && (json === true || watch === true))
    throw new CloisterError('bad-option', 'Leases are closed only where somebody says so.', {
      hint: 'Add --yes, too.',
    })
  if (watch === true && dryRun === true)
    throw new CloisterError('bad-option', '--watch does what --dry-run leaves undone. Say one of them.')
  const unlock = dryRun === true ? () => {} : lock(cloister)
  try {
    if (watch !== true) return await applyOnce(cloister, path, options)
    const aborter = onInterrupt()
    process.once('SIGTERM', () => aborter.abort())
    const { signal } = aborter
    note(
      `Keeping models as ${printable(path)} says, every ${formatDuration(everyMs / 1000)}. Ctrl-C ends it.`,
    )
    await applyOnce(cloister, path, options)
    while (!signal.aborted) {
      await pause(everyMs, undefined, { signal }).catch(() => {})
      if (signal.aborted) return
      // What goes wrong in one round may be right in the next: a worker was away, the file half written.
      await applyOnce(cloister, path, { ...options, yes: true }).catch((error) => tell(options, error))
    }
  } finally {
    unlock()
  }
}

/** One round. Throws `cancelled`; an exit code of 1 where something could not be done. */
async function applyOnce(cloister: Cloister, path: string, options: ApplyModelsOptions): Promise<void> {
  const { json = false, prune, watch = false, dryRun = false, yes = false } = options
  const fetching = new Steps(json)
  const { wanted, newTokens } = await readModels(path, cloister.network, (detail) =>
    fetching.begin('weights', detail),
  )
  fetching.done()
  const plan = await models.plan(cloister, wanted, { prune })
  const isToDo = plan.endpoints.some(({ steps }) => steps.length > 0)
  const hasProblem = plan.endpoints.some(({ problem }) => problem !== undefined)
  // A round of many in which nothing is to be done says nothing.
  const isQuiet = watch && !isToDo && !hasProblem
  if (!json && !isQuiet) say(planTable(cloister.network, plan))
  if (!isToDo || dryRun) {
    if (json && !isQuiet) return sayJson({ plan: planJson(plan), applied: [] })
    if (!isToDo && !isQuiet) say('Nothing is to be done.')
    return
  }
  if (!json && !yes && !(await agrees(plan, watch)))
    throw new CloisterError('cancelled', 'Nothing was changed.')
  keepTokens(newTokens)
  for (const { path: kept } of newTokens) note(`Wrote the key of a private model to ${printable(kept)}.`)
  const steps = new Steps(json)
  const applied = await steps.until(
    models.apply(cloister, plan, {
      onStep: (name, step, detail) => steps.begin(`${name}: ${step}`, detail),
    }),
  )
  if (!watch && applied.some(({ error }) => error)) process.exitCode = 1
  if (json) return sayJson({ plan: planJson(plan), applied: applied.map(outcomeJson) })
  for (const outcome of applied) say(lineOf(outcome))
}

/** Whether all of it is agreed to, and where it is kept so, what is not in the table yet. */
function agrees({ endpoints }: ModelsPlan, watch: boolean): Promise<boolean> {
  const closing = endpoints.flatMap(({ steps }) => steps).filter((step) => step.do === 'close').length
  const closes = closing > 0 ? `, and close ${closing === 1 ? 'a lease' : `${closing} leases`}` : ''
  const question = `Do it${closes}${watch ? ', and from now on without asking' : ''}?`
  return confirm(question, closing > 0 ? 'no' : 'yes')
}

function lineOf({ name, lease, done, error }: AppliedEndpoint): string {
  const did = done.length > 0 ? done.join(', ') : 'nothing'
  if (!error) return `${paint('green', '●')} ${printable(name)} ${lease?.slice(2, 18) ?? ''}: ${did}`
  return `${paint('red', '✘')} ${printable(name)}: ${printable(error.message)} Done before: ${did}.`
}

function outcomeJson({ error, ...outcome }: AppliedEndpoint) {
  return { ...outcome, ...(error && { error: { code: error.code, message: error.message } }) }
}

function tell({ json }: Globals, error: unknown): void {
  const time = new Date().toISOString()
  if (json) return sayJson({ time, error: messageOf(error) })
  say(`${paint('dim', time.slice(0, 19).replace('T', ' '))}  ${printable(messageOf(error))}`)
}

/** One process for each account of a network: two could open the same lease. */
function lock(cloister: Cloister): () => void {
  const { address } = walletOf(cloister).account
  const home = process.env['CLOISTER_HOME'] ?? join(homedir(), '.cloister')
  const path = join(home, 'models', `${cloister.network.chainId}-${address.toLowerCase()}`)
  return takeLock(
    path,
    () =>
      new CloisterError('already-running', 'Another process applies models of this account already.', {
        hint: 'End it first: two could open the same lease twice.',
      }),
  )
}
