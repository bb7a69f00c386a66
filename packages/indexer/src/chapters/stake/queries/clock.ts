import type { Parts } from '../../../api/route.ts'

/** When it is, and when emission began, Unix seconds. */
export interface Clock {
  now: number
  start: number
}

export function clockOf({ network, now }: Pick<Parts, 'network' | 'now'>): Clock {
  return { now: now(), start: network.emissionStart }
}
