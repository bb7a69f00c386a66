import { leases } from '@cloister/sdk'
import { beforeEach, expect, it, vi } from 'vitest'
import { connect } from '../../context.ts'
import { fakeCloister, folderWith, LEASE, typing } from '../../testing.ts'
import { addLeaseStreams } from './commands.ts'

const { run: forward, runJson } = typing(addLeaseStreams, 'forward', 'shop')

const put = vi.fn()
const REPORT = {
  url: 'loki+https://logs.example/',
  sent: 12,
  dropped: 3,
  waiting: 0,
  problem: 'it answers with status 401\x1b[2J',
}

beforeEach(() => {
  put.mockReset()
  vi.mocked(connect).mockReturnValue(fakeCloister())
  vi.mocked(leases.findLease).mockResolvedValue({ lease: LEASE } as never)
  vi.mocked(leases.openSession).mockResolvedValue({
    asTenant: { putCollectors: put, collectors: async () => [REPORT] },
  } as never)
})

it('names collectors, with logins and certificates beside their addresses', async () => {
  const folder = folderWith({ 'ca.pem': 'CA' })
  const { out } = await forward(
    '--to',
    'loki+https://me:word@logs.example',
    'syslog+tls://logs.example',
    '--header',
    'X-Scope-OrgID: shop',
    '--ca',
    `${folder}/ca.pem`,
    '--service',
    'web',
  )
  expect(out).toContain('Its logs go to those 2 collectors from now on.')
  expect(put).toHaveBeenCalledWith(LEASE, [
    {
      url: 'loki+https://logs.example',
      headers: { authorization: `Basic ${btoa('me:word')}`, 'X-Scope-OrgID': 'shop' },
      ca: 'CA',
      services: ['web'],
    },
    { url: 'syslog+tls://logs.example', headers: {}, ca: 'CA', services: ['web'] },
  ])
})

it('shows how it goes, without what a terminal obeys', async () => {
  const { out } = await forward()
  expect(out).toMatch(/loki\+https:\/\/logs\.example\/ +12 +0 +3 +it answers with status 401\[2J/)
  expect(put).not.toHaveBeenCalled()
  expect((await runJson()).json).toEqual([REPORT])
})

it('ends it, and takes no two things at once', async () => {
  expect((await forward('--off')).out).toContain('no collector any more')
  expect(put).toHaveBeenCalledWith(LEASE, [])
  expect((await forward('--off', '--to', 'otlp://a')).err).toContain('Say --to or --off')
})

it.each([
  [['--to', 'https://logs.example'], /is not otlp:\/\/…, loki:\/\/… or syslog:\/\/…/],
  [['--to', 'otlp://a', '--header', 'nothing'], /written as Name: value/],
  [['--to', 'otlp://a', '--ca', '/nowhere.pem'], /\/nowhere\.pem can not be read/],
])('refuses %j before anything is sent', async (words, message) => {
  const { err, exitCode } = await forward(...words)
  expect(err).toMatch(message)
  expect(exitCode).toBe(1)
  expect(put).not.toHaveBeenCalled()
})
