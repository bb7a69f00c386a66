import { existsSync } from 'node:fs'
import { CloisterError } from '@cloister/core'
import { say, sayJson } from '@cloister/terminal'
import { newWitnessKey } from '@cloister/verify'
import type { Globals } from '../../command.ts'
import { writeOutput } from '../../output-file.ts'

export async function create(options: Globals & { output: string }): Promise<void> {
  if (existsSync(options.output))
    throw new CloisterError('exists', `${options.output} is there already.`, { hint: 'Name another file.' })
  const key = await newWitnessKey()
  writeOutput(options.output, `${JSON.stringify(key)}\n`, { mode: 0o600, flag: 'wx' })
  if (options.json) return sayJson({ key: key.publicKey, output: options.output })
  say(
    `The witness’s key is ${key.publicKey}. A network takes its word once it is under attestation.witnesses of network.json.`,
  )
}
