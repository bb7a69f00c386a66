import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { IndexClient } from '@cloister/sdk'
import { newWitnessKey, signLabel, type WitnessKey } from '@cloister/verify'
import type { Settings } from './settings.ts'
import type { Supervision } from './supervisor.ts'
import { WORKERS } from './workers.ts'

/** The development network's witness, whose word on places is worth nothing: its key, made on first use. */
export async function loadWitness(folder: string): Promise<WitnessKey> {
  const path = join(folder, 'witness.json')
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as WitnessKey
  } catch {
    const key = await newWitnessKey()
    writeFileSync(path, JSON.stringify(key), { mode: 0o600 })
    return key
  }
}

/** Labels each worker's platform with a place that is made up, as `simulated/north/oak`. */
export async function labelWorkers(
  { ports }: Settings,
  indexerUrl: string,
  supervision: Supervision,
  witness: WitnessKey,
): Promise<void> {
  const records = await new IndexClient(indexerUrl).workers()
  for (const [position, { name, region }] of WORKERS.entries()) {
    const platform = records
      .find(({ endpoint }) => endpoint.endsWith(`:${ports.workers[position]}`))
      ?.platform?.slice(2)
    if (platform)
      await supervision.label(
        platform,
        await signLabel(witness, {
          platform,
          label: `simulated/${region}/${name}`,
          instant: Math.floor(Date.now() / 1000),
        }),
      )
  }
}
