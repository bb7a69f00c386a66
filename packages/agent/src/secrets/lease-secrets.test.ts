import { CloisterError, type Service } from '@cloister/core'
import type { ContainerSpec } from '@cloister/executors'
import type { Run } from '@cloister/key-service/client'
import { type Envelope, generateKeyPair, type KeyPair, missingSecrets, sealSecrets } from '@cloister/secrets'
import type { Hex } from 'viem'
import { beforeAll, describe, expect, it } from 'vitest'
import { LeaseSecrets } from './lease-secrets.ts'

const LEASE: Hex = `0x${'ab'.repeat(32)}`
const APP: Hex = `0x${'cd'.repeat(32)}`
const MANIFEST: Hex = `0x${'ef'.repeat(32)}`
const RUN = { lease: LEASE, manifestHash: MANIFEST }
const spec = { lease: LEASE, name: 'web-0', env: { PLAIN: 'x' }, files: [] } as unknown as ContainerSpec
const service = (...sealed: { name: string; path?: string }[]) => ({ sealed }) as unknown as Service
const never = new AbortController().signal

describe('secrets of a lease', () => {
  let keys: KeyPair[]
  let envelope: Envelope
  const give = async (): Promise<[Uint8Array, Uint8Array, Uint8Array]> =>
    keys.map(({ privateKey }) => privateKey) as [Uint8Array, Uint8Array, Uint8Array]

  beforeAll(async () => {
    keys = await Promise.all([generateKeyPair(), generateKeyPair(), generateKeyPair()])
    const [a, b, c] = keys.map(({ publicKey }) => publicKey) as [Uint8Array, Uint8Array, Uint8Array]
    envelope = await sealSecrets(APP, [a, b, c], { TOKEN: Buffer.from('t'), BYTES: Uint8Array.of(0xff, 0) })
  })

  it('become variables and files of what is started, and of nothing else', async () => {
    const secrets = new LeaseSecrets(give)
    const complete = await secrets.complete(
      spec,
      MANIFEST,
      service({ name: 'TOKEN' }, { name: 'BYTES', path: '/b' }),
      envelope,
      never,
      () => {},
    )
    expect(complete.env).toEqual({ PLAIN: 'x', TOKEN: 't' })
    expect(complete.files).toEqual([{ path: '/b', content: Buffer.of(0xff, 0), mode: 0o444 }])
    expect(spec).toMatchObject({ env: { PLAIN: 'x' }, files: [] })
    expect(await secrets.complete(spec, MANIFEST, {} as Service, envelope, never, () => {})).toBe(spec)
  })

  it('that are no text are no variables, and those that are missing are named', async () => {
    const secrets = new LeaseSecrets(give)
    await expect(
      secrets.complete(spec, MANIFEST, service({ name: 'BYTES' }), envelope, never, () => {}),
    ).rejects.toMatchObject({ code: 'bad-secrets' })
    await expect(
      secrets.complete(spec, MANIFEST, service({ name: 'OTHER' }), envelope, never, () => {}),
    ).rejects.toMatchObject({ code: 'secrets-missing' })
    const manifest = { services: { web: service({ name: 'TOKEN' }, { name: 'OTHER' }) } } as never
    expect(missingSecrets(manifest, envelope)).toEqual(['OTHER'])
    expect(missingSecrets(manifest, undefined)).toEqual(['TOKEN', 'OTHER'])
  })

  it('are asked for anew by each manifest of a lease, and given to none that was not asked for', async () => {
    const asked: Run[] = []
    const secrets = new LeaseSecrets(async (run) => {
      asked.push(run)
      if (run.manifestHash !== MANIFEST) throw new CloisterError('no-keys', 'not in the registry')
      return give()
    })
    const other: Hex = `0x${'01'.repeat(32)}`
    await secrets.complete(spec, MANIFEST, service({ name: 'TOKEN' }), envelope, never, () => {})
    // The same envelope, opened a moment ago for the same lease.
    await expect(
      secrets.complete(spec, other, service({ name: 'TOKEN' }), envelope, never, () => {}),
    ).rejects.toMatchObject({ code: 'no-keys' })
    // The first goes on with what it has.
    await secrets.complete(spec, MANIFEST, service({ name: 'TOKEN' }), envelope, never, () => {})
    expect(asked).toEqual([RUN, { lease: LEASE, manifestHash: other }])
  })

  it('are waited for while the key service is away, which is said once, and not where it refuses', async () => {
    let times = 0
    const said: string[] = []
    const away = new LeaseSecrets(async () => {
      if (times++ < 2) throw new CloisterError('keys-unavailable', 'nobody is there')
      return give()
    })
    expect(
      (
        await away.complete(spec, MANIFEST, service({ name: 'TOKEN' }), envelope, never, (why) =>
          said.push(why),
        )
      ).env['TOKEN'],
    ).toBe('t')
    expect(said).toEqual(['nobody is there'])
    expect(times).toBe(3)
    // Opened once, they are there for every container.
    await away.complete(spec, MANIFEST, service({ name: 'TOKEN' }), envelope, never, () => {})
    expect(times).toBe(3)
    const refusing = new LeaseSecrets(async () => {
      throw new CloisterError('no-keys', 'not in the registry')
    })
    await expect(refusing.open(RUN, envelope, never)).rejects.toMatchObject({ code: 'no-keys' })
    const stopped = new AbortController()
    const pending = new LeaseSecrets(async () => {
      throw new CloisterError('keys-unavailable', 'nobody is there')
    }).open(RUN, envelope, stopped.signal)
    stopped.abort()
    await expect(pending).rejects.toMatchObject({ code: 'keys-unavailable' })
  })
})
