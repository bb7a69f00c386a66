import type { Field } from './field.ts'
import { ATTRIBUTE_PATTERN, ATTRIBUTE_VALUE_PATTERN } from './patterns.ts'

/**
 * What a worker must say of itself, all of it: `attributes` of a placement in SDL, `x-attributes` at the top
 * of a Compose file. `isLeftOut` may see to an entry itself.
 */
export function readAttributes(
  list: Field | undefined,
  isLeftOut: (key: string, value: Field) => boolean = () => false,
): Record<string, string> {
  const attributes: Record<string, string> = {}
  if (!list || list.isNull) return attributes
  for (const [key, value] of list.entries()) {
    if (isLeftOut(key, value)) continue
    if (!ATTRIBUTE_PATTERN.test(key))
      value.fail('an attribute name of letters, digits, ".", "_", "-" and "/"')
    attributes[key] = value.matching(
      ATTRIBUTE_VALUE_PATTERN,
      'a value of at most 255 characters, in one line',
    )
  }
  return attributes
}
