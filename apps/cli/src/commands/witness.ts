import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { newWitnessKey, signLabel, type WitnessKey } from '@cloister/attest'
import { CloisterError } from '@cloister/core'
import { say, sayJson } from '@cloister/terminal'
import type { Command } from 'commander'
import { isAddress } from 'viem'
import { command, connect, type Globals } from '../context.ts'

const HEX32 = /^[0-9a-f]{64}$/

interface SignOptions extends Globals {
  key: string
  label?: string
  revoke?: boolean
}

export function addWitness(program: Command): void {
  const witness = program
    .command('witness')
    .description('say where a machine stands, as somebody who saw it (Proof of Cloud labels)')
  command(witness, 'create', 'make a witness’s key', 'cloister witness create -o witness.json')
    .requiredOption('-o, --output <file>', 'where to keep it')
    .action(create)
  command(
    witness,
    'sign <platform>',
    'sign a label of a platform: its id on chain, or a worker that runs on it',
    'cloister witness sign 0x… --key witness.json --label hetzner/fsn1/dc14',
  )
    .requiredOption('--key <file>', 'the key that `cloister witness create` made')
    .option('--label <place>', 'where it stands, from the wide to the narrow, parted by /')
    .option('--revoke', 'take back what was said before')
    .action(sign)
}

async function create(options: Globals & { output: string }): Promise<void> {
  if (existsSync(options.output))
    throw new CloisterError('exists', `${options.output} is there already.`, { hint: 'Name another file.' })
  const key = await newWitnessKey()
  writeFileSync(options.output, `${JSON.stringify(key)}\n`, { mode: 0o600, flag: 'wx' })
  if (options.json) return sayJson({ key: key.publicKey, output: options.output })
  say(
    `The witness’s key is ${key.publicKey}. A network takes its word once it is under attestation.witnesses of network.json.`,
  )
}

async function sign(platform: string, options: SignOptions): Promise<void> {
  if ((options.label === undefined) === (options.revoke !== true))
    throw new CloisterError('bad-option', 'Say --label PLACE or --revoke.')
  if (options.label !== undefined && !/^[\x21-\x7e]{1,100}$/.test(options.label))
    throw new CloisterError(
      'bad-option',
      'A label is 1 to 100 ASCII characters without spaces, such as hetzner/fsn1/dc14.',
    )
  const instant = Math.floor(Date.now() / 1000)
  const token = await signLabel(readKey(options.key), {
    platform: await platformId(platform, options),
    label: options.label ?? '',
    instant,
    revoked: options.revoke === true,
  })
  if (options.json) return sayJson({ token })
  say(token)
}

async function platformId(platform: string, options: Globals): Promise<string> {
  const id = platform.toLowerCase().replace(/^0x/, '')
  if (HEX32.test(id)) return id
  if (!isAddress(platform, { strict: false }))
    throw new CloisterError(
      'bad-address',
      `${platform.slice(0, 80)} is neither a platform’s id nor a worker’s address.`,
      {
        hint: 'See `cloister workers --json`.',
      },
    )
  const record = await connect(options).index.worker(platform)
  if (!record.platform) throw new CloisterError('not-found', `The worker ${platform} has not attested yet.`)
  return record.platform.slice(2)
}

function readKey(path: string): WitnessKey {
  try {
    const { publicKey, privateKey } = JSON.parse(readFileSync(path, 'utf8')) as Partial<WitnessKey>
    if (publicKey && privateKey && HEX32.test(publicKey) && HEX32.test(privateKey))
      return { publicKey, privateKey }
  } catch {
    // Said below.
  }
  throw new CloisterError('bad-key', `${path} holds no witness’s key.`, {
    hint: 'Make one with `cloister witness create`.',
  })
}
