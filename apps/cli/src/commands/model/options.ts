import { readFileSync } from 'node:fs'
import { CloisterError, type Policy, parsePolicy } from '@cloister/core'
import type { Cloister, ConfidentialParameters } from '@cloister/sdk'
import { leases } from '@cloister/sdk'
import type { Command } from 'commander'
import type { Globals } from '../../command.ts'

/** Options of every command that asks a model. */
export interface AskOptions extends Globals {
  lease?: string
  url?: string
  keyFile?: string
  token?: string
  policy?: string
  doorImage?: string[]
  engineImage?: string[]
  engineElsewhere?: boolean
}

const MAX_KEY_CHARACTERS = 200

export function withAskOptions(command: Command): Command {
  return command
    .option('--lease <lease>', 'ask this endpoint, by its lease; default: at random among the cheapest')
    .option('--url <url>', 'whoever passes requests on, who can read none; default: the network’s gateway')
    .option('--key-file <file>', 'a file with the API key; default: CLOISTER_API_KEY')
    .option('--token <token>', 'the token of offers; default: that of the API key')
    .option('--policy <policy>', 'what the machine has to prove, such as root=intel,tcb=UpToDate,age=1h')
    .option('--door-image <digest...>', 'images of the door to believe, besides those of the network')
    .option('--engine-image <digest...>', 'images of engines to believe; default: any inside of the lease')
    .option(
      '--engine-elsewhere',
      'let an engine do that runs outside of the attested machine and reads along',
    )
}

/** The API key that is given, if any. Throws `no-file`. */
function apiKeyFrom({ keyFile }: AskOptions): string | undefined {
  if (keyFile === undefined) return process.env['CLOISTER_API_KEY']?.trim() || undefined
  try {
    return readFileSync(keyFile, 'utf8').slice(0, MAX_KEY_CHARACTERS).trim()
  } catch (cause) {
    throw new CloisterError('no-file', `${keyFile} can not be read.`, { cause })
  }
}

/** Whom to ask, as the options say. Throws `bad-policy`, `no-file` or `not-found`. */
export async function confidentialFrom(
  cloister: Cloister,
  options: AskOptions,
): Promise<ConfidentialParameters> {
  const { lease, url, token, policy, doorImage, engineImage, engineElsewhere } = options
  return {
    lease: lease === undefined ? undefined : await leaseOf(cloister, lease),
    url,
    token,
    apiKey: apiKeyFrom(options),
    policy: policy === undefined ? undefined : policyFrom(policy, cloister),
    images: doorImage,
    engineImages: engineImage,
    allowEngineElsewhere: engineElsewhere,
  }
}

function policyFrom(text: string, { network }: Cloister): Policy {
  return parsePolicy(text, network.development)
}

/** The chain knows leases by their whole ids; who types a name or a part of one asks the index. */
async function leaseOf(cloister: Cloister, key: string): Promise<`0x${string}`> {
  if (/^0x[0-9a-f]{64}$/.test(key)) return key as `0x${string}`
  return (await leases.findLease(cloister, key)).lease
}
