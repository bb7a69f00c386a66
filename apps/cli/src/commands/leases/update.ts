import { CloisterError, parsePolicy } from '@cloister/core'
import { groups, leases } from '@cloister/sdk'
import { paint, Steps, say, sayJson } from '@cloister/terminal'
import { connect } from '../../context.ts'
import { secondsOf } from '../../durations.ts'
import { readManifestFile } from '../../manifest-file.ts'
import { loginsFor } from '../../registry-logins.ts'
import { sealedFrom } from '../../secret-options.ts'
import { hintingAsTyped } from '../../show.ts'
import type { UpdateOptions } from './options.ts'
import { updateGroup } from './update-group.ts'

export async function runUpdate(
  key: string,
  file: string | undefined,
  options: UpdateOptions,
): Promise<void> {
  const cloister = connect(options)
  const group = await groups.find(cloister, key)
  if (group) return updateGroup(cloister, group, file, options)
  if (options.continue === true || options.rollback === true)
    throw new CloisterError(
      'bad-option',
      `--continue and --rollback are for groups, and ${key} is none of yours.`,
    )
  const parsed = await readManifestFile(file, options, options.json === true)
  const steps = new Steps(options.json === true)
  try {
    steps.begin('update')
    const envelope = await sealedFrom(cloister, options, parsed.sealedFiles)
    const updated = await leases.update(cloister, key, parsed.manifest, {
      onStep: (detail) => steps.begin('update', detail),
      policy:
        options.policy === undefined ? undefined : parsePolicy(options.policy, cloister.network.development),
      envelope,
      logins: loginsFor(parsed, options),
      contents: parsed.contents,
      pull: options.pull,
      timeoutMs: options.timeout === undefined ? undefined : secondsOf(options.timeout) * 1000,
    })
    steps.done()
    if (options.json) return sayJson(updated)
    if (!updated.handedOver)
      return say(
        'The lease runs that manifest already. Images that were pushed again under their tags are taken with --pull.',
      )
    const what = updated.transaction
      ? 'the new manifest'
      : envelope
        ? 'the manifest with the new secrets,'
        : 'the manifest again,'
    say(`${paint('green', '●')} The lease runs ${what} ${updated.manifestHash.slice(0, 18)}….`)
  } catch (error) {
    steps.fail()
    throw hintingAsTyped(key, error)
  }
}
