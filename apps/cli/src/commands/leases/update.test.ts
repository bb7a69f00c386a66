import { CloisterError } from '@cloister/core'
import { leases, type Updated } from '@cloister/sdk'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { connect } from '../../context.ts'
import { composeFile, fakeCloister, LEASE, typed, typedJson, WORKER } from '../../testing.ts'
import { addLeases } from './commands.ts'

const updated: Updated = {
  lease: LEASE,
  manifestHash: LEASE,
  previousManifestHash: `0x${'0'.repeat(64)}`,
  transaction: LEASE,
  handedOver: true,
}
const update = (...words: string[]) => typed(addLeases, 'update', 'shop', composeFile(), ...words)
const asked = () => vi.mocked(leases.update).mock.calls[0]

beforeEach(() => {
  vi.mocked(connect).mockReturnValue(fakeCloister())
  vi.mocked(leases.update).mockResolvedValue(updated)
})

describe('update', () => {
  it('says what the lease runs now', async () => {
    const { out, exitCode } = await update()
    expect(out).toBe('● The lease runs the new manifest 0x7f3a000000000000….\n')
    expect(exitCode).toBe(0)
    vi.mocked(leases.update).mockResolvedValue({ ...updated, transaction: undefined })
    expect((await update('--pull')).out).toContain('runs the manifest again, 0x7f3a')
  })

  it('says that there is nothing to do, and how tags are looked up anew', async () => {
    vi.mocked(leases.update).mockResolvedValue({ ...updated, transaction: undefined, handedOver: false })
    expect((await update()).out).toBe(
      'The lease runs that manifest already. Images that were pushed again under their tags are taken with --pull.\n',
    )
  })

  it('hands on the file, the policy and the time', async () => {
    await update('--policy', 'root=intel,age=1h', '--timeout', '90s', '--pull')
    expect(asked()?.[1]).toBe('shop')
    expect(asked()?.[2].services).toMatchObject({ web: { image: 'nginx:alpine' } })
    expect(asked()?.[3]).toMatchObject({
      policy: { roots: ['intel'], maxAgeSeconds: 3600 },
      pull: true,
      timeoutMs: 90_000,
      envelope: undefined,
    })
    vi.mocked(leases.update).mockClear()
    await update()
    expect(asked()?.[3]).toMatchObject({ policy: undefined, timeoutMs: undefined })
  })

  it('gives programs both hashes', async () => {
    const { json, exitCode } = await typedJson(addLeases, 'update', 'shop', composeFile())
    expect(json).toEqual(updated)
    expect(exitCode).toBe(0)
  })

  it.each([
    [
      new CloisterError('not-found', 'There is no lease shop.', { hint: { do: 'list-all-leases' } }),
      'See `cloister ps --all`.',
    ],
    [
      new CloisterError(
        'update-failed',
        'web ended. The manifest before runs on, and its hash is on the lease again.',
      ),
      'The manifest before runs on',
    ],
    [
      new CloisterError('policy', 'The machine is too old.', {
        hint: { do: 'verify-worker', subject: WORKER },
      }),
      `Look closer with \`cloister verify ${WORKER}\`.`,
    ],
    [
      new CloisterError('update-failed', 'The manifest needs more than the lease has.', {
        hint: { do: 'resize-lease', subject: LEASE.slice(2, 18) },
      }),
      'its price with it: `cloister resize shop FILE`.',
    ],
    [
      new CloisterError('forbidden', 'The lease belongs to 0x00.', { hint: { do: 'name-account' } }),
      'Name its account with --account.',
    ],
  ])('shows %s with what to do', async (error, expected) => {
    vi.mocked(leases.update).mockImplementation(async (_, __, ___, { onStep } = {}) => {
      onStep?.('checking the worker against the file')
      throw error
    })
    const { out, err, exitCode } = await update()
    expect(err).toContain(`✘ ${error.message}`)
    expect(err).toContain(expected)
    expect(out).toBe('')
    expect(exitCode).toBe(1)
  })

  it('asks nobody with a time or a policy that can’t be read', async () => {
    expect((await update('--timeout', 'soon')).exitCode).toBe(1)
    expect((await update('--policy', 'moon=blue')).err).toContain('moon is nothing a policy knows')
    expect((await update('--registry-login', '--env-file', '/nowhere')).err).toContain(
      '/nowhere can not be read',
    )
    expect(leases.update).not.toHaveBeenCalled()
  })
})
