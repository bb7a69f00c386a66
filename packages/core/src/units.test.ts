import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CloisterError } from './errors/error.ts'
import {
  formatCpu,
  formatDuration,
  formatMiB,
  MAX_DURATION_MS,
  parseByteValueMiB,
  parseCpuMilli,
  parseDurationMs,
  parseQuantityMiB,
  timerMs,
} from './units.ts'

describe('units', () => {
  it('lets no timer wait longer than timers can', () => {
    expect([0, 1_500, 2 ** 31 - 1].map(timerMs)).toEqual([0, 1_500, 2 ** 31 - 1])
    expect([2 ** 31, MAX_DURATION_MS, Number.POSITIVE_INFINITY].map(timerMs)).toEqual(
      Array(3).fill(2 ** 31 - 1),
    )
    expect(() => AbortSignal.timeout(timerMs(MAX_DURATION_MS))).not.toThrow()
  })

  it.each([
    ['512m', 512],
    ['1g', 1024],
    ['64kb', 1],
    ['2147483648', 2048],
  ])('reads the byte value %s as %i MiB, rounded up', (text, mib) =>
    expect(parseByteValueMiB(text)).toBe(mib),
  )

  it.each([
    ['512Mi', 512],
    ['1Gi', 1024],
    ['1G', 954],
    ['2Ti', 2 * 1024 * 1024],
  ])('reads the quantity %s as %i MiB, rounded up', (text, mib) => expect(parseQuantityMiB(text)).toBe(mib))

  it.each([
    ['0.5', 500],
    ['100m', 100],
    ['2', 2000],
  ])('reads %s CPUs as %i thousandths', (text, milli) => expect(parseCpuMilli(text)).toBe(milli))

  it.each([
    ['1m30s', 90_000],
    ['2h', 7_200_000],
    ['500ms', 500],
  ])('reads %s as %i ms', (text, ms) => expect(parseDurationMs(text)).toBe(ms))

  it('throws our error and no other on anything else', () => {
    for (const parse of [parseByteValueMiB, parseQuantityMiB, parseCpuMilli, parseDurationMs])
      fc.assert(
        fc.property(fc.string(), (text) => {
          try {
            const value = parse(text)
            expect(Number.isInteger(value) && value >= 0).toBe(true)
          } catch (error) {
            expect(error).toBeInstanceOf(CloisterError)
          }
        }),
      )
  })

  it('says the smallest part of a CPU, too', () => {
    expect([1, 9, 10, 55].map(formatCpu)).toEqual(['0.001 CPU', '0.009 CPU', '0.01 CPU', '0.06 CPU'])
  })

  it('shows them as people write them', () => {
    expect([formatMiB(1536), formatMiB(128), formatCpu(250), formatDuration(3_660)]).toEqual([
      '1.5 GiB',
      '128 MiB',
      '0.25 CPU',
      '1h 1m',
    ])
  })
})
