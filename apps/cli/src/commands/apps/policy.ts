import { allowInApp, forbidInApp, getApp } from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import { walletOf } from '@cloister/sdk'
import { sayJson } from '@cloister/terminal'
import type { Hex } from 'viem'
import { connect } from '../../context.ts'
import { resolveApp } from '../../secret-options.ts'
import { manifestHashes } from './manifest-hashes.ts'
import type { PolicyOptions } from './options.ts'
import { sayApp } from './show.ts'

/** Lets another file, or other guests, have an app's keys once the upgrade delay has passed. */
export function allow(app: string, file: string | undefined, options: PolicyOptions): Promise<void> {
  return changePolicy('allow', app, file, options)
}

/** Takes a file, or a measurement, off at once. */
export function forbid(app: string, file: string | undefined, options: PolicyOptions): Promise<void> {
  return changePolicy('forbid', app, file, options)
}

async function changePolicy(
  what: 'allow' | 'forbid',
  name: string,
  file: string | undefined,
  options: PolicyOptions,
): Promise<void> {
  const cloister = connect(options)
  const app = resolveApp(cloister, name)
  const entries: ['manifest' | 'measurement', Hex][] = (options.measurement ?? []).map((measurement) => [
    'measurement',
    checkHash(measurement),
  ])
  if (file !== undefined)
    for (const hash of /^0x[0-9a-f]{64}$/.test(file) ? [file as Hex] : await manifestHashes(file, options))
      entries.push(['manifest', hash])
  if (entries.length === 0)
    throw new CloisterError('bad-option', `There is nothing to ${what}.`, {
      hint: 'Name a file, the hash of a manifest, or --measurement.',
    })
  const change = what === 'allow' ? allowInApp : forbidInApp
  for (const [kind, hash] of entries) await change(walletOf(cloister), app, kind, hash)
  const changed = await getApp(cloister.chain, app)
  if (options.json) return sayJson(changed)
  sayApp(changed)
}

export function checkHash(text: string): Hex {
  if (/^0x[0-9a-f]{64}$/.test(text)) return text as Hex
  throw new CloisterError('bad-option', `${JSON.stringify(text.slice(0, 80))} is not a measurement.`, {
    hint: 'See `cloister workers --json`.',
  })
}
