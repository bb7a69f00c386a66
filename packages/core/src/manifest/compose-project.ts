import { textOf } from '../bytes.ts'
import { pathOf, readBeside } from './beside.ts'
import { parseDotenv } from './dotenv.ts'
import { Field } from './field.ts'
import { interpolateField } from './interpolate.ts'
import { mergeService } from './merge-service.ts'
import type { ParseOptions } from './parse-options.ts'
import { Source } from './source.ts'

const SECTIONS = ['services', 'volumes', 'networks', 'configs', 'secrets'] as const
/** Files that one project may be put together of. */
const MOST_FILES = 32

/** A Compose project: all of its files, each part with its own place. */
export interface ComposeProject {
  /** The file that was given. */
  root: Field
  sections: Record<(typeof SECTIONS)[number], Map<string, Field>>
}

/** Fills variables in, follows `include`, and puts services that `extends` others together with them. */
export function loadProject(raw: Field, options: ParseOptions): ComposeProject {
  return new Loader(options).load(raw)
}

class Loader {
  private readonly options: ParseOptions
  private files = 0

  constructor(options: ParseOptions) {
    this.options = options
  }

  load(raw: Field, including: string[] = []): ComposeProject {
    const root = interpolateField(raw, raw.source.env ?? this.options.env ?? {})
    const sections = Object.fromEntries(
      SECTIONS.map((name) => [name, new Map<string, Field>()]),
    ) as ComposeProject['sections']
    const include = root.get('include')
    if (include && !include.isNull) for (const item of include.list()) this.include(item, sections, including)
    for (const name of SECTIONS) {
      const section = root.get(name)
      if (!section || (section.isNull && name !== 'services')) continue
      for (const [key, field] of section.entries()) {
        const other = sections[name].get(key)
        if (other)
          field.refuse(
            `${name}.${key} is in ${other.source.file} as well, which is included`,
            'Name it once.',
          )
        sections[name].set(key, name === 'services' ? this.extended(field, root, [field.name]) : field)
      }
    }
    return { root, sections }
  }

  /** `include`: a file or several, each with its own folder and variables. */
  private include(item: Field, sections: ComposeProject['sections'], including: string[]): void {
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
    const [path, another] = paths
    if (!path) return item.fail('a path')
    if (another)
      another.refuse(
        'several files in one include are not put over each other',
        'Include one, which includes or extends the others.',
      )
    const source = this.open(path, folder)
    const known = pathOf(path) ?? ''
    if (including.includes(known))
      path.refuse(`${path.text()} includes itself`, 'Take one of the includes out.')
    source.env = this.variables(item, source.folder, envFiles)
    const { root, sections: found } = this.load(Field.of(source), [...including, known])
    root.fields(
      { include: () => {}, ...Object.fromEntries(SECTIONS.map((name) => [name, () => {}])) },
      { models: 'Run the model server as a service.' },
      {
        version: 'files have one version',
        name: 'a lease is called as the file says that includes this one',
      },
    )
    for (const name of SECTIONS)
      for (const [key, field] of found[name]) {
        const other = sections[name].get(key)
        if (other) field.refuse(`${name}.${key} is in ${other.source.file} as well`, 'Name it once.')
        sections[name].set(key, field)
      }
  }

  /** What an included file finds set: what the project has set, else its own `.env` or what it is given. */
  private variables(item: Field, folder: string, envFiles: Field[] | undefined): Record<string, string> {
    const outer = item.source.env ?? this.options.env ?? {}
    const env: Record<string, string> = {}
    const lookUp = (name: string) =>
      Object.hasOwn(outer, name) ? outer[name] : Object.hasOwn(env, name) ? env[name] : undefined
    for (const file of envFiles ?? [item.with(folder === '' ? '.env' : `${folder}/.env`)]) {
      const found = readBeside(file, this.options)
      if (found?.kind === 'file') Object.assign(env, parseDotenv(file.text(), textOf(found.content), lookUp))
      else if (envFiles)
        file.refuse(
          `the file ${file.text()} can't be read`,
          'Paths are relative to the Compose file and stay below its folder.',
        )
    }
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
    return whole.with(new Map(whole.entries().filter(([key]) => key !== 'extends')))
  }

  private otherFile(file: Field): Field {
    const source = this.open(file, undefined)
    source.env = file.source.env
    const root = Field.of(source)
    return interpolateField(root, source.env ?? this.options.env ?? {})
  }

  private open(path: Field, folder: Field | undefined): Source {
    if (++this.files > MOST_FILES)
      path.refuse(`a project of more than ${MOST_FILES} files is not read`, 'Put some of them together.')
    if (/^[a-z+]+:\/\/|^git@|^oci:/.test(path.text()))
      path.refuse('files from elsewhere are not read', 'Copy it into the folder.')
    const found = readBeside(path, this.options)
    if (found?.kind !== 'file')
      path.refuse(
        `the file ${path.text()} can't be read`,
        'Paths are relative to the Compose file and stay below its folder.',
      )
    const whole = pathOf(path) ?? ''
    const own = folder
      ? (pathOf(folder) ??
        folder.refuse(`${folder.text()} lies outside of the project's folder`, 'Name one in it.'))
      : whole.split('/').slice(0, -1).join('/')
    const content = found?.kind === 'file' ? found.content : new Uint8Array()
    return new Source(path.text(), textOf(content), own === '.' ? '' : own, path.source.warnings)
  }
}
