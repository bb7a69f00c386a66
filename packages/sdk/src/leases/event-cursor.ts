import { CloisterError, fromBase64Url, textOf, toBase64Url, utf8 } from '@cloister/core'

/** How far somebody is who reads the events of all leases. */
export interface EventPosition {
  /** Block and index in it of the chain's last event. */
  chain: [block: number, logIndex: number]
  /** Number of the worker's last event, by lease (short id). */
  workers: Map<string, number>
}

const MAX_CHARACTERS = 1_000_000
const KEY = /^[0-9a-f]{16}$/

/** A position as a word that can be kept. */
export function cursorOf({ chain, workers }: EventPosition): string {
  return toBase64Url(utf8(JSON.stringify([chain, Object.fromEntries(workers)])))
}

/** Reads such a word; without one it is the beginning. Throws `bad-option`. */
export function readCursor(cursor: string | undefined): EventPosition {
  if (cursor === undefined) return { chain: [-1, -1], workers: new Map() }
  const wrong = () => new CloisterError('bad-option', 'That is no cursor of events.')
  if (cursor.length > MAX_CHARACTERS) throw wrong()
  let read: unknown
  try {
    read = JSON.parse(textOf(fromBase64Url(cursor)))
  } catch {
    throw wrong()
  }
  const [chain, workers] = Array.isArray(read) ? read : []
  const isNumber = (value: unknown) => Number.isSafeInteger(value) && Number(value) >= -1
  if (!Array.isArray(chain) || chain.length !== 2 || !chain.every(isNumber)) throw wrong()
  if (typeof workers !== 'object' || workers === null) throw wrong()
  const entries = Object.entries(workers as Record<string, unknown>)
  if (!entries.every(([key, id]) => KEY.test(key) && isNumber(id))) throw wrong()
  return {
    chain: [Number(chain[0]), Number(chain[1])],
    workers: new Map(entries.map(([key, id]) => [key, Number(id)])),
  }
}
