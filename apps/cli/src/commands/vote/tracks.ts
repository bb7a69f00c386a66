import { CloisterError } from '@cloister/core'

/** Tracks by their number in the contract. */
const TRACKS: readonly string[] = [
  'parameters',
  'small',
  'medium',
  'large',
  'contracts',
  'guests',
  'emergency',
  'election',
]

/** A track as people call it. */
export function trackName(track: number): string {
  const name = TRACKS[track] ?? String(track)
  return ['small', 'medium', 'large'].includes(name) ? `treasury, ${name}` : name
}

/** A track's number. Throws `bad-option`. */
export function parseTrack(name: string): number {
  const found = TRACKS.indexOf(name)
  if (found >= 0) return found
  if (/^[0-7]$/.test(name)) return Number(name)
  throw new CloisterError('bad-option', `${name.slice(0, 40)} is no track.`, {
    hint: `Tracks are: ${TRACKS.join(', ')}.`,
  })
}
