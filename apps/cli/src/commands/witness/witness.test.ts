import { readFileSync, statSync } from 'node:fs'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { connect } from '../../context.ts'
import { fakeCloister, folderWith, LEASE, typed, typedJson, WORKER } from '../../testing.ts'
import { addWitness } from './commands.ts'

const PLATFORM = 'ab'.repeat(32)
let folder: string
let platform: string | undefined

const witness = (...words: string[]) => typed(addWitness, 'witness', ...words)
/** What a label that was printed says. */
const claimsOf = (token: string) =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'))

beforeEach(async () => {
  folder = folderWith()
  platform = LEASE
  const index = { worker: async () => ({ ...(platform && { platform }) }) }
  vi.mocked(connect).mockReturnValue(fakeCloister({ index }))
  await witness('create', '-o', `${folder}/key.json`)
})

describe('witness create', () => {
  it('keeps the key where nobody else can read it, and writes over none', async () => {
    const { publicKey } = JSON.parse(readFileSync(`${folder}/key.json`, 'utf8'))
    expect(publicKey).toMatch(/^[0-9a-f]{64}$/)
    expect(statSync(`${folder}/key.json`).mode & 0o777).toBe(0o600)
    const again = await witness('create', '-o', `${folder}/key.json`)
    expect(again.err).toBe(`✘ ${folder}/key.json is there already.\n  Name another file.\n`)
    expect(again.exitCode).toBe(1)
    const other = await typedJson(addWitness, 'witness', 'create', '-o', `${folder}/other.json`)
    expect(other.json).toMatchObject({ output: `${folder}/other.json` })
  })
})

describe('witness sign', () => {
  const key = () => ['--key', `${folder}/key.json`]

  it('signs a label of a platform, and takes one back', async () => {
    const { out } = await witness('sign', PLATFORM, ...key(), '--label', 'hetzner/fsn1/dc14')
    expect(JSON.stringify(claimsOf(out))).toContain('hetzner/fsn1/dc14')
    const revoked = await typedJson(addWitness, 'witness', 'sign', PLATFORM, ...key(), '--revoke')
    expect(JSON.stringify(claimsOf(revoked.json.token))).toContain('true')
  })

  it('finds the platform of a worker, once it has attested', async () => {
    const { out } = await witness('sign', WORKER, ...key(), '--label', 'home')
    expect(JSON.stringify(claimsOf(out))).toContain(LEASE.slice(2))
    platform = undefined
    expect((await witness('sign', WORKER, ...key(), '--label', 'home')).err).toBe(
      `✘ The worker ${WORKER} has not attested yet.\n`,
    )
  })

  it.each([
    [['--label', 'a', '--revoke'], 'Say --label PLACE or --revoke.'],
    [[], 'Say --label PLACE or --revoke.'],
    [['--label', 'a place'], 'A label is 1 to 100 ASCII characters without spaces'],
  ])('refuses %j', async (words, message) => {
    const { err, exitCode } = await witness('sign', PLATFORM, ...key(), ...words)
    expect(err).toContain(`✘ ${message}`)
    expect(exitCode).toBe(1)
  })

  it('refuses what is no platform and no key', async () => {
    const nobody = await witness('sign', 'here', ...key(), '--label', 'home')
    expect(nobody.err).toContain('✘ here is neither a platform’s id nor a worker’s address.')
    const keyless = await witness('sign', PLATFORM, '--key', '/nowhere', '--label', 'home')
    expect(keyless.err).toBe(
      '✘ /nowhere holds no witness’s key.\n  Make one with `cloister witness create`.\n',
    )
  })
})
