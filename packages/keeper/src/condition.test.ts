import { describe, expect, it } from 'vitest'
import { conditionsOf } from './condition.ts'
import { domainOf, serviceOf, statusOf } from './testing.ts'

const MEASURES = { lowSeconds: 3600, restartsBefore: { 'web-0': 1 }, now: 100 }
const found = (changes: Parameters<typeof statusOf>[0]) =>
  conditionsOf(statusOf(changes), MEASURES).map(({ kind, message }) => `${kind}: ${message}`)

describe('what is the matter with a lease', () => {
  it('is nothing where it runs and is paid for', () => {
    expect(found({ services: [serviceOf({ restarts: 3 })] })).toEqual([])
  })

  it.each([
    [{ secondsLeft: 1800 }, 'money-low: The money lasts 30m more.'],
    [
      { attestation: 'lapsed' as const },
      'unattested: The worker is not attested just now; the lease costs nothing meanwhile and may not run.',
    ],
    [
      { noticeUntil: 1_800_000_000 },
      'notice: The provider may close the lease from 2027-01-15T08:00:00.000Z on.',
    ],
    [{ state: 'unreachable' as const, problem: 'gone' }, 'unreachable: gone'],
    [
      { services: [serviceOf({ state: 'unhealthy', reason: 'its check fails' })] },
      'unhealthy: web-0 is unhealthy: its check fails.',
    ],
    [
      { services: [serviceOf({ state: 'failed', exitCode: 3 })] },
      'failed: web-0 is failed: it ended with code 3.',
    ],
    [
      {
        services: [
          serviceOf({ state: 'waiting', reason: 'its machine is away' }),
          serviceOf({ state: 'waiting' }),
        ],
      },
      'volume-away: web-0 is waiting: its machine is away.',
    ],
    [
      { services: [serviceOf({ restarts: 4 })] },
      'restarting: web-0 keeps ending, and was restarted 4 times.',
    ],
    [
      { domains: [domainOf({ failure: { time: 0, message: 'It says dns: no.' } }, 1_000)] },
      'certificate-failed: app.example.org has no new certificate: It says dns: no.',
    ],
    [
      { domains: [domainOf({}, 120), domainOf({ domain: 'b.example.org' }, 121)] },
      'certificate-expiring: The certificate of app.example.org ends at 1970-01-01T00:00:00.120Z.',
    ],
  ])('is said of %o', (changes, said) => {
    expect(found(changes)).toEqual([said])
  })

  it('is that it is closed, and nothing else', () => {
    expect(found({ state: 'closed', secondsLeft: 0, attestation: 'lapsed' })).toEqual([
      'closed: The lease is closed, and nothing of it runs any more.',
    ])
  })

  it('is no restart that was before it was first looked at', () => {
    const status = statusOf({ services: [serviceOf({ restarts: 40 })] })
    expect(conditionsOf(status, { ...MEASURES, restartsBefore: undefined })).toEqual([])
  })
})
