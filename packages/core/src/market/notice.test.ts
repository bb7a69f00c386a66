import { expect, it } from 'vitest'
import { parseManifest } from '../manifest/parse.ts'
import { defaultPolicy } from '../policy.ts'
import { checkNotice, givesNotice, isInterruptible, noticeSecondsOf } from './notice.ts'
import { orderFor } from './order.ts'

const ADDRESS = `0x${'11'.repeat(20)}` as const
const DAY = 86_400

/** A Compose file that accepts so much notice. */
const accepting = (window: string) =>
  parseManifest(`x-reclamation: { min_window: ${window} }\nservices: { web: { image: web } }\n`, {
    file: 'compose.yaml',
  }).manifest
const plain = parseManifest('services: { web: { image: web } }\n', { file: 'compose.yaml' }).manifest
const orderOf = (manifest: typeof plain) =>
  orderFor(manifest, { tenant: ADDRESS, token: ADDRESS, policy: defaultPolicy(true) })

it('of a bid is the market’s where it says none, and interruptible where it is less', () => {
  const terms = (noticeMinutes: number) => ({ noticeMinutes })
  expect([0, 1, 1440, 2880].map((minutes) => noticeSecondsOf(terms(minutes), DAY))).toEqual([
    DAY,
    60,
    DAY,
    2 * DAY,
  ])
  expect([0, 1, 1439, 1440, 2880].map((minutes) => isInterruptible(terms(minutes), DAY))).toEqual([
    false,
    true,
    true,
    false,
    false,
  ])
  // Who says nothing accepts no less than the market's.
  expect(givesNotice(terms(1439), undefined, DAY)).toBe(false)
  expect(givesNotice(terms(0), undefined, DAY)).toBe(true)
  expect(givesNotice(terms(10), 600, DAY)).toBe(true)
  expect(givesNotice(terms(10), 601, DAY)).toBe(false)
  expect(givesNotice(terms(0), 2 * DAY, DAY)).toBe(false)
  expect(givesNotice(terms(2880), 2 * DAY, DAY)).toBe(true)
})

it('that a file accepts is written in Compose as in SDL, and is in the order', () => {
  expect(accepting('5m').demands).toEqual({ noticeSeconds: 300 })
  expect(orderOf(accepting('24h')).noticeSeconds).toBe(DAY)
  expect(orderOf(plain)).not.toHaveProperty('noticeSeconds')
  for (const wrong of ['0', 'soon', '-1h']) expect(() => accepting(wrong)).toThrow(/reclamation/)
})

it('of an open lease has to be what another file accepts', () => {
  expect(() => checkNotice(plain, { noticeMinutes: 0 }, DAY)).not.toThrow()
  expect(() => checkNotice(accepting('10m'), { noticeMinutes: 10 }, DAY)).not.toThrow()
  expect(() => checkNotice(accepting('48h'), { noticeMinutes: 0 }, DAY)).toThrow(/asks for 2d.*gives 1d/)
  expect(() => checkNotice(plain, { noticeMinutes: 10 }, DAY)).toThrow(/interruptible.*10m.*no less than.*1d/)
})
