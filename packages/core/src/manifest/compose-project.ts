import { textOf } from '../bytes.ts'
import { readFileBeside } from './beside.ts'
import { mergeFile, mergeService } from './compose-merge.ts'
import { parseDotenv } from './dotenv.ts'
import { Field } from './field.ts'
import { interpolateField } from './interpolate.ts'
import type { ParseOptions } from './parse-options.ts'
import { pathFrom } from './project-path.ts'
import { Source } from './source.ts'
import { fillIn, TemplateError } from './template.ts'

const SECTIONS = ['services', 'volumes', 'networks', 'configs', 'secrets'] as const
/** Files that one project may be put together of. */
const MOST_FILES = 32

/** A Compose project: all of its files, each part with its own place. */
export interface ComposeProject {
  /** The file that was given, with those put over it. */
  root: Field
  sections: Record<(typeof SECTIONS)[number], Map<string, Field>>
  /** With what the project is called among the variables. */
  options: ParseOptions
}

/**
 * Fills variables in, follows `include`, puts services that `extends` others together with them, and files
 * over each other.
 */
export function loadProject(raw: Field, given: ParseOptions): ComposeProject {
  const files = [raw, ...overFiles(raw, given)]
  const options = withName(files, given)
  const root = new Loader(options).loadAll(files)
  const sections = Object.fromEntries(
    SECTIONS.map((name) => {
      const section = root.get(name)
      return [name, new Map(section && !section.isNull ? section.entries() : [])]
    }),
  ) as ComposeProject['sections']
  return { root, sections, options }
}

/** `COMPOSE_PROJECT_NAME` is always set where Compose fills variables in. */
function withName(files: Field[], options: ParseOptions): ParseOptions {
  const { env = {}, project } = options
  if (Object.hasOwn(env, 'COMPOSE_PROJECT_NAME')) return options
  const said = files.map((file) => file.get('name')?.value).findLast((name) => typeof name === 'string')
  const name = said === undefined ? project : filledIn(said, env)
  return name === undefined ? options : { ...options, env: { ...env, COMPOSE_PROJECT_NAME: name } }
}

/** Undefined where it can't be, which is told of where it stands. */
function filledIn(text: string, env: Readonly<Record<string, string>>): string | undefined {
  try {
    return fillIn(
      text,
      (name) => (Object.hasOwn(env, name) ? env[name] : undefined),
      () => {},
    )
  } catch (error) {
    if (error instanceof TemplateError) return undefined
    throw error
  }
}

/** Files that are put over the first; their paths are relative to its folder. */
function overFiles(raw: Field, { over = [] }: ParseOptions): Field[] {
  return over.map(({ file, text }) => {
    const field = Field.of(new Source(file, text, '', raw.source.warnings))
    return field.isMap || field.isNull ? field : field.fail('a Compose file')
  })
}

class Loader {
  private readonly options: ParseOptions
  private files = 0

  constructor(options: ParseOptions) {
    this.options = options
  }

  /** Files put over each other, each whole by itself before. */
  loadAll(files: Field[], including: string[] = []): Field {
    return files.map((file) => this.load(file, including)).reduce(mergeFile)
  }

  private load(raw: Field, including: string[]): Field {
    const root = interpolateField(raw, raw.source.env ?? this.options.env ?? {})
    if (root.isNull) return root
    const whole = new Map<string, Field>(root.allEntries())
    const included = new Map<string, Map<string, Field>>()
    const include = root.get('include')
    if (include && !include.isNull) for (const item of include.list()) this.include(item, included, including)
    for (const name of SECTIONS) {
      const section = root.get(name)
      const found = included.get(name) ?? new Map<string, Field>()
      if (section && !section.isNull)
        for (const [key, field] of section.allEntries()) {
          const other = found.get(key)
          if (other)
            field.refuse(
              `${name}.${key} is in ${other.source.file} as well, which is included`,
              'Name it once.',
            )
          found.set(key, name === 'services' ? this.extended(field, root, [field.name]) : field)
        }
      if (found.size > 0) whole.set(name, (section ?? root).with(found))
    }
    return root.with(whole)
  }

  /** `include`: a file, or several put over each other, with a folder and variables of their own. */
  private include(item: Field, sections: Map<string, Map<string, Field>>, including: string[]): void {
    let paths: Field[] = []
    let folder: Field | undefined
    let envFiles: Field[] | undefined
    if (!item.isMap) paths = [item]
    else
      item.fields({
        path: (field) => void (paths = field.isList ? field.list() : [field]),
        project_directory: (field) => void (folder = field),
        env_file: (field) => void (envFiles = field.isList ? field.list() : [field]),
      })
    const [first] = paths
    if (!first) return item.fail('a path')
    const inside = folder ? this.folderOf(folder) : parentOf(pathFrom(first, first.text()))
    const env = this.variables(item, inside, envFiles)
    const known = paths.map((path) => pathFrom(path, path.text()))
    for (const [index, path] of paths.entries())
      if (including.includes(known[index] ?? ''))
        path.refuse(`${path.text()} includes itself`, 'Take one of the includes out.')
    const files = paths.map((path) => {
      const source = this.open(path, inside)
      source.env = env
      return Field.of(source)
    })
    const root = this.loadAll(files, [...including, ...known])
    root.fields(
      { include: () => {}, ...Object.fromEntries(SECTIONS.map((name) => [name, () => {}])) },
      { models: 'Run the model server as a service.' },
      {
        version: 'files have one version',
        name: 'a lease is called as the file says that includes this one',
      },
    )
    for (const name of SECTIONS) {
      const section = root.get(name)
      if (!section || section.isNull) continue
      const found = sections.get(name) ?? new Map<string, Field>()
      sections.set(name, found)
      for (const [key, field] of section.entries()) {
        const other = found.get(key)
        if (other) field.refuse(`${name}.${key} is in ${other.source.file} as well`, 'Name it once.')
        found.set(key, field)
      }
    }
  }

  /** What an included file finds set: what the project has set, else its own `.env` or what it is given. */
  private variables(item: Field, folder: string, envFiles: Field[] | undefined): Record<string, string> {
    const outer = item.source.env ?? this.options.env ?? {}
    const env: Record<string, string> = {}
    const lookUp = (name: string) =>
      Object.hasOwn(outer, name) ? outer[name] : Object.hasOwn(env, name) ? env[name] : undefined
    const own = envFiles ? undefined : this.options.look?.(folder === '' ? '.env' : `${folder}/.env`, [])
    if (own?.kind === 'file') Object.assign(env, parseDotenv('.env', textOf(own.content), lookUp))
    for (const file of envFiles ?? [])
      Object.assign(env, parseDotenv(file.text(), textOf(readFileBeside(file, this.options)), lookUp))
    return { ...env, ...outer }
  }

  private extended(service: Field, root: Field, trail: string[]): Field {
    const extend = service.isMap ? service.get('extends') : undefined
    if (!extend || extend.isNull) return service
    let name: Field | undefined = extend.isMap ? undefined : extend
    let file: Field | undefined
    if (extend.isMap)
      extend.fields({ service: (field) => void (name = field), file: (field) => void (file = field) })
    if (!name) return extend.fail('the name of a service')
    const other = file ? this.otherFile(file) : root
    const base = other.get('services')?.get(name.text())
    if (!base)
      return name.refuse(
        `there is no service ${name.text()}${file ? ` in ${file.text()}` : ''}`,
        'Name one that is there.',
      )
    const step = `${base.source.folder}/${base.source.file} ${base.name}`
    if (trail.includes(step) || trail.length > MOST_FILES)
      extend.refuse('it extends itself', 'Take one of the extends out.')
    const whole = mergeService(this.extended(base, other, [...trail, step]), service)
    return whole.with(new Map(whole.allEntries().filter(([key]) => key !== 'extends')))
  }

  private otherFile(file: Field): Field {
    const source = this.open(file, parentOf(pathFrom(file, file.text())))
    source.env = file.source.env
    const root = Field.of(source)
    return interpolateField(root, source.env ?? this.options.env ?? {})
  }

  /** A file of the project, whose paths are relative to `folder`. */
  private open(path: Field, folder: string): Source {
    if (++this.files > MOST_FILES)
      path.refuse(`a project of more than ${MOST_FILES} files is not read`, 'Put some of them together.')
    if (/^[a-z+]+:\/\/|^git@|^oci:/.test(path.text()))
      path.refuse('files from elsewhere are not read', 'Copy it into the folder.')
    const content = readFileBeside(path, this.options)
    return new Source(path.text(), textOf(content), folder, path.source.warnings)
  }

  private folderOf(folder: Field): string {
    const inside = pathFrom(folder, folder.text())
    return inside === '.' ? '' : inside
  }
}

function parentOf(path: string): string {
  return path.split('/').slice(0, -1).join('/')
}
