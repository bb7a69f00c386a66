import { textOf } from '../bytes.ts'
import { readBeside, readFileBeside } from './beside.ts'
import type { ComposeContext } from './compose-context.ts'
import { parseDotenv } from './dotenv.ts'
import { each } from './every-problem.ts'
import type { Field } from './field.ts'
import { ENV_PATTERN } from './patterns.ts'

/** What a file of variables is called that is to be copied. */
const EXAMPLES = ['.example', '.sample', '.template', '.dist']

/**
 * `environment` over `env_file`, as Docker Compose puts them together (compose-go,
 * `WithServicesEnvironmentResolved`).
 */
export function readEnvironment(root: Field, context: ComposeContext): Record<string, string> {
  const own = readOwn(root.get('environment'), context)
  const all: Record<string, string> = { ...own }
  const files = root.get('env_file')
  if (files && !files.isNull)
    for (const file of files.isList ? files.list() : [files])
      Object.assign(all, readEnvFile(file, { own, all }, context))
  const merged = { ...all, ...own }
  // What a file names without a value stays out, even where a file of variables has it.
  for (const name of context.unset) delete merged[name]
  context.unset.clear()
  return merged
}

function readOwn(field: Field | undefined, context: ComposeContext): Record<string, string> {
  const env: Record<string, string> = {}
  if (!field || field.isNull) return env
  const set = (name: string, value: string | undefined, at: Field) => {
    if (!ENV_PATTERN.test(name)) at.fail('NAME=value, a name of 1 to 255 characters')
    const inherited = at.source.env ?? context.options.env
    context.unset.delete(name)
    if (value !== undefined) env[name] = value
    else if (inherited && Object.hasOwn(inherited, name)) env[name] = inherited[name] ?? ''
    else {
      delete env[name]
      context.unset.add(name)
      at.warn(`the variable ${name} has no value here and is left out`)
    }
  }
  if (field.isList) {
    each(field.list(), (item) => {
      const text = item.text()
      const equals = text.indexOf('=')
      set(equals < 0 ? text : text.slice(0, equals), equals < 0 ? undefined : text.slice(equals + 1), item)
    })
  } else each(field.entries(), ([name, item]) => set(name, item.isNull ? undefined : item.printed(), item))
  return env
}

function readEnvFile(
  field: Field,
  known: { own: Record<string, string>; all: Record<string, string> },
  context: ComposeContext,
): Record<string, string> {
  let path = field
  let required = true
  let raw = false
  if (field.isMap) {
    if (!field.get('path')) field.fail('a path')
    field.fields({
      path: (at) => void (path = at),
      required: (at) => void (required = at.boolean()),
      format: (at) => void (raw = at.matching(/^raw$/, 'raw') === 'raw'),
    })
  }
  const found = readBeside(path, context.options)
  if (!found && !required) return {}
  if (!found) refuseUncopied(path, context)
  const text = textOf(found?.kind === 'file' ? found.content : readFileBeside(path, context.options))
  const outer = field.source.env ?? context.options.env ?? {}
  const lookUp = (name: string) =>
    [outer, known.own, known.all].find((env) => Object.hasOwn(env, name))?.[name]
  const unset = (name: string, line: number) =>
    path.warn(`${path.text()}:${line}: the variable ${name} is not set and stands for nothing`)
  const env = raw ? parseRaw(text, path) : parseDotenv(path.text(), text, lookUp, unset)
  for (const name of Object.keys(env))
    if (!ENV_PATTERN.test(name))
      path.refuse(
        `its variable ${name.slice(0, 60)} has a name that containers can't have`,
        'It has 1 to 255 characters, and no control characters.',
      )
  return env
}

/** A file that whoever clones the project makes of another one: says so. */
function refuseUncopied(path: Field, { options }: ComposeContext): void {
  const name = path.text()
  const example = EXAMPLES.map((end) => name + end).find((other) => readBeside(path.with(other), options))
  if (example !== undefined)
    path.refuse(`the file ${name} is not there`, `Copy ${example} to ${name}, and fill it in.`)
}

/** `format: raw`: lines of NAME=value, taken as they are. */
function parseRaw(text: string, at: Field): Record<string, string> {
  const env: Record<string, string> = {}
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (/^\s*(?:#|$)/.test(line)) continue
    const equals = line.indexOf('=')
    if (equals < 1)
      at.refuse(
        `${at.text()}:${index + 1}: found ${JSON.stringify(line.slice(0, 60))}`,
        'Expected NAME=value.',
      )
    env[line.slice(0, equals).trimStart()] = line.slice(equals + 1)
  }
  return env
}
