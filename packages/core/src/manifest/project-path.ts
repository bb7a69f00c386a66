import type { Field } from './field.ts'

/**
 * A path that stands in a field, relative to the project's folder; absolute ones stay so. It may lead out of
 * the folder: whether that may be read is for `ParseOptions.look` to say, and for what builds images.
 */
export function pathFrom(field: Field, text: string): string {
  if (/^[/~]/.test(text)) return text
  const parts: string[] = []
  for (const part of [...field.source.folder.split('/'), ...text.split('/')]) {
    if (part === '' || part === '.') continue
    if (part === '..' && parts.length > 0 && parts.at(-1) !== '..') parts.pop()
    else parts.push(part)
  }
  return parts.join('/') || '.'
}
