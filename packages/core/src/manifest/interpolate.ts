import type { Field } from './field.ts'
import { fillIn, MOST_CHARACTERS, TemplateError } from './template.ts'

/**
 * Fills variables into every string below a field (Compose specification, "Interpolation"); keys stay as
 * they are.
 */
export function interpolateField(field: Field, env: Readonly<Record<string, string>>): Field {
  let characters = 0
  const walk = (current: Field): unknown => {
    if (typeof current.value === 'string') {
      const text = interpolate(current.value, env, current)
      characters += text.length
      if (characters > MOST_CHARACTERS)
        current.refuse(
          'the file grows too long',
          `At most ${MOST_CHARACTERS} characters with its variables filled in.`,
        )
      return text
    }
    if (current.isList) return current.allItems().map(walk)
    if (current.isMap) return new Map(current.allEntries().map(([key, item]) => [key, walk(item)]))
    return current.value
  }
  return field.with(walk(field))
}

function interpolate(text: string, env: Readonly<Record<string, string>>, field: Field): string {
  if (!text.includes('$')) return text
  try {
    return fillIn(
      text,
      (name) => (Object.hasOwn(env, name) ? env[name] : undefined),
      (name) => field.warn(`the variable ${name} is not set and stands for nothing`),
    )
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error
    return field.refuse(error.message, error.accepted)
  }
}
