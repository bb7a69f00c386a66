import type { LogReport } from '@cloister/core'
import { leases } from '@cloister/sdk'
import { describe, expect, it, vi } from 'vitest'
import { connect } from '../../context.ts'
import { fakeCloister, typing } from '../../testing.ts'
import { addLeaseStreams } from './commands.ts'

const { run: logs } = typing(addLeaseStreams, 'logs', 'shop')

const LINES: LogReport[] = [
  { container: 'web-0', stream: 'stdout', text: 'up', time: 1 },
  { container: 'db-0', stream: 'stderr', text: 'slow\x1b[2J', time: 2 },
]

/** What `leases.logs` was asked for. */
function withLogs() {
  const asked = vi.fn((_: string, __: object): LogReport[] => LINES)
  vi.mocked(connect).mockReturnValue(fakeCloister())
  vi.mocked(leases.logs).mockImplementation(async function* (_, key, wanted) {
    yield* asked(key, wanted)
  })
  return asked
}

describe('logs', () => {
  it('keep the two streams apart, and what a terminal obeys away from it', async () => {
    withLogs()
    const { out, err } = await logs('--tail', '100')
    expect(out).toBe('web-0      up\n')
    expect(err).toBe('db-0       slow[2J\n')
  })

  it('ask for as many lines as were said, and no more than the worker gives', async () => {
    const asked = withLogs()
    await logs('--tail', '7')
    expect(asked.mock.calls[0]).toMatchObject(['shop', { tail: 7, follow: false }])
    for (const tail of ['10001', '-1', 'all'])
      expect(await logs(`--tail=${tail}`)).toMatchObject({
        exitCode: 1,
        err: expect.stringMatching(/--tail/),
      })
    expect(asked).toHaveBeenCalledOnce()
  })

  it('say to a person who follows that the lease has ended, and to no program', async () => {
    withLogs()
    const followed = await logs('--tail', '1', '--follow')
    expect(followed.err).toContain('The lease has ended.')
    const json = await logs('--tail', '1', '--follow', '--json')
    expect(json.err).toBe('')
    expect(
      json.out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual(LINES)
  })
})
