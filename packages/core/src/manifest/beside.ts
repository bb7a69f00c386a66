import { CloisterError } from '../errors/error.ts'
import type { Field } from './field.ts'
import type { Beside, ParseOptions } from './parse-options.ts'
import { pathFrom } from './project-path.ts'

/** Bytes of a file or folder that a manifest can hold beside what else is in it. */
export const MAX_BESIDE_BYTES = 640 * 1024

/**
 * Reads what a field names, relative to the file that the field stands in; undefined where there is nothing.
 * Refused, with its line: what `look` says must not be read.
 */
export function readBeside(
  field: Field,
  options: ParseOptions,
  exclude: readonly string[] = [],
): Beside | undefined {
  try {
    return options.look?.(pathFrom(field, field.text()), exclude)
  } catch (error) {
    if (!(error instanceof CloisterError)) throw error
    return field.refuse(
      error.message.replace(/\.$/, ''),
      error.hint ?? 'Move or copy it beside the Compose file.',
      error.code === 'outside' ? 'outside' : undefined,
    )
  }
}

/** The same for what has to be a small file. */
export function readFileBeside(field: Field, options: ParseOptions): Uint8Array {
  const found = readBeside(field, options)
  if (found?.kind === 'file') return found.content
  if (found?.kind === 'large-file')
    field.refuse(`the file ${field.text()} has ${found.bytes} bytes, which is too large`, 'Shorten it.')
  return field.refuse(`the file ${field.text()} can't be read`, 'Paths are relative to the Compose file.')
}
