import { readFileSync } from 'node:fs'
import { CloisterError } from '@cloister/core'
import { say, sayJson } from '@cloister/terminal'
import { signLabel, type WitnessKey } from '@cloister/verify'
import { isAddress } from 'viem'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'

interface SignOptions extends Globals {
  key: string
  label?: string
  revoke?: boolean
}

const HEX32 = /^[0-9a-f]{64}$/

export async function sign(platform: string, options: SignOptions): Promise<void> {
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
