import { CloisterError, hashManifest, parsePolicy } from '@cloister/core'
import { type Cloister, type Group, type GroupUpdated, groups, walletOf } from '@cloister/sdk'
import { paint, Steps, say, sayJson } from '@cloister/terminal'
import { secondsOf } from '../../durations.ts'
import { readManifestFile } from '../../manifest-file.ts'
import { loginsFor } from '../../registry-logins.ts'
import { rolloutJournal } from '../../rollout-journal.ts'
import { sealedFrom } from '../../secret-options.ts'
import type { UpdateOptions } from './options.ts'

/** Updates the replicas of a group one after another, or takes that back. */
export async function updateGroup(
  cloister: Cloister,
  group: Group,
  file: string | undefined,
  options: UpdateOptions,
): Promise<void> {
  const { network } = cloister
  if (options.continue === true && options.rollback === true)
    throw new CloisterError('bad-option', 'Say --continue or --rollback, not both.')
  const steps = new Steps(options.json === true)
  const more = {
    journal: rolloutJournal(network.chainId, walletOf(cloister).account.address),
    onStep: (replica: number, text: string) => steps.begin('update', `${group.name}/${replica}: ${text}`),
    policy: options.policy === undefined ? undefined : parsePolicy(options.policy, network.development),
    timeoutMs: options.timeout === undefined ? undefined : secondsOf(options.timeout) * 1000,
  }
  try {
    if (options.rollback === true)
      return sayUpdated(await groups.rollBack(cloister, group, more), steps, options)
    const parsed = await readManifestFile(file, options, options.json === true)
    if (options.continue === true)
      requireBegun(more.journal.read(group.name)?.to, hashManifest(parsed.manifest), group)
    steps.begin('update', 'one replica after another')
    const updated = await groups.update(cloister, group, parsed.manifest, {
      ...more,
      envelope: await sealedFrom(cloister, options, parsed.sealedFiles),
      logins: loginsFor(parsed, options),
      contents: parsed.contents,
    })
    sayUpdated(updated, steps, options)
  } catch (error) {
    steps.fail()
    throw error
  }
}

function requireBegun(begun: string | undefined, wanted: string, { name }: Group): void {
  if (begun === wanted) return
  throw new CloisterError(
    'not-found',
    begun === undefined
      ? `No update of ${name} that stopped is known on this machine.`
      : `The update of ${name} that stopped was to another manifest (${begun.slice(0, 18)}…).`,
    { hint: 'Leave --continue out to begin one with this file.' },
  )
}

function sayUpdated(
  { name, manifestHash, updated }: GroupUpdated,
  steps: Steps,
  { json }: UpdateOptions,
): void {
  steps.done()
  if (json) return sayJson({ name, manifestHash, updated })
  if (updated.length === 0) return say(`All replicas of ${name} run that manifest already.`)
  say(
    `${paint('green', '●')} All replicas of ${name} run ${manifestHash.slice(0, 18)}…. Updated: ${updated.join(', ')}.`,
  )
}
