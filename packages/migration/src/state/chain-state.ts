/** The state of a Substrate chain after one block: the pairs of its storage, by key. */
export interface ChainState {
  get(key: Uint8Array): Uint8Array | undefined
  /** The pairs whose keys begin with `prefix`, in the order of their keys; all, for an empty one. */
  entries(prefix: Uint8Array): Iterable<readonly [key: Uint8Array, value: Uint8Array]>
}

/** Which of two keys comes first in storage: below 0 the one, above 0 the other, 0 where they are equal. */
export function compareKeys(one: Uint8Array, other: Uint8Array): number {
  const shorter = Math.min(one.length, other.length)
  for (let at = 0; at < shorter; at++) {
    const difference = (one[at] ?? 0) - (other[at] ?? 0)
    if (difference !== 0) return difference
  }
  return one.length - other.length
}

/** Whether `key` begins with `prefix`. */
export function beginsWith(key: Uint8Array, prefix: Uint8Array): boolean {
  return key.length >= prefix.length && compareKeys(key.subarray(0, prefix.length), prefix) === 0
}
