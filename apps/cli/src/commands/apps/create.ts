import { getApp, getRoles, registerApp } from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import { type Cloister, walletOf } from '@cloister/sdk'
import { paint, say, sayJson } from '@cloister/terminal'
import type { Hex } from 'viem'
import { connect } from '../../context.ts'
import { secondsOf } from '../../durations.ts'
import { manifestHashes } from './manifest-hashes.ts'
import type { PolicyOptions } from './options.ts'
import { checkHash } from './policy.ts'
import { sayApp } from './show.ts'

export async function createApp(
  name: string,
  files: string[],
  options: PolicyOptions & { upgradeDelay: string },
): Promise<void> {
  const cloister = connect(options)
  const manifests: Hex[] = []
  for (const file of files) manifests.push(...(await manifestHashes(file, options)))
  const measurements = options.measurement
    ? options.measurement.map(checkHash)
    : await coveredMeasurements(cloister)
  const app = await registerApp(walletOf(cloister), {
    name,
    upgradeDelay: secondsOf(options.upgradeDelay),
    manifests,
    measurements,
  })
  const registered = await getApp(cloister.chain, app)
  if (options.json) return sayJson(registered)
  sayApp(registered)
  say()
  const { cluster, size } = options
  const use = cluster ? `cluster up ${files[0]} -n ${size} --name ${cluster}` : `deploy ${files[0]}`
  say(paint('dim', `  cloister ${use} --app ${name} --secrets FILE`))
}

/** Measurements of the workers that are covered now, as far as governance lets them earn. */
async function coveredMeasurements(cloister: Cloister): Promise<Hex[]> {
  const workers = await cloister.index.workers({ covered: true })
  const measurements = [...new Set(workers.flatMap(({ measurement }) => (measurement ? [measurement] : [])))]
  const roles = await Promise.all(measurements.map((measurement) => getRoles(cloister.chain, measurement)))
  const allowed = measurements.filter((_, position) => ((roles[position] ?? 0) & 1) !== 0)
  if (allowed.length === 0)
    throw new CloisterError('bad-option', 'No covered worker has a measurement that may earn.', {
      hint: 'Name measurements with --measurement.',
    })
  return allowed
}
