import { amountsOf, fits, roomOf } from '@cloister/core'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { freeRoom } from './capacity.ts'

it('the N Nths of a worker all fit beside each other, however large it is', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1 << 20 }), fc.integer({ min: 1, max: 64 }), (each, many) => {
      const of = (times: number) => ({
        cpuMilli: each * times,
        memoryMiB: each * times,
        diskMiB: each * times,
        gpus: times,
        gpuModels: [],
      })
      const [one, all] = [of(1), of(many)]
      const lease = { resources: amountsOf(roomOf(one, all), all) }
      const free = (leases: number) =>
        freeRoom(
          all,
          Array.from({ length: leases }, () => lease),
        )
      expect(free(0)).toMatchObject({ cpuMilli: all.cpuMilli, gpus: many })
      for (let leases = 0; leases < many; leases++) expect(fits(one, free(leases))).toBe(true)
      // No GPU is lent twice.
      expect(free(many).gpus).toBe(0)
    }),
  )
})
