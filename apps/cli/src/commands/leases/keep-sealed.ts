import { CloisterError } from '@cloister/core'
import type { Envelope } from '@cloister/secrets'
import { envelopeIn } from '../../secret-options.ts'

/**
 * Sealed secrets by the group whose lost replicas get them, as `--sealed shop=shop.sealed` says. Throws
 * `bad-option`, and what reading a file throws.
 */
export function sealedByGroup(
  words: readonly string[] | undefined,
  isReplacing: boolean,
): Map<string, Envelope> {
  if (words !== undefined && !isReplacing)
    throw new CloisterError('bad-option', '--sealed is for --replace, which is not given.')
  return new Map(
    (words ?? []).map((word) => {
      const [, name, path] = /^([^=]+)=(.+)$/s.exec(word) ?? []
      if (name === undefined || path === undefined)
        throw new CloisterError('bad-option', `--sealed takes group=file, not ${word.slice(0, 60)}.`, {
          hint: 'As in: --sealed shop=shop.sealed, which `cloister secrets seal` writes.',
        })
      return [name, envelopeIn(path)]
    }),
  )
}
