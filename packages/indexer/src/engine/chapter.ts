import type { Route } from '../api/route.ts'
import type { Folding } from './folding.ts'

export { entity, log, type Need, type RowOf, total } from './entity.ts'
export { type Handler, on, type Subject } from './folding.ts'

/** A part of the index: what it reads, the tables it folds from that, and what it answers. */
export interface Chapter extends Folding {
  routes: readonly Route[]
}
