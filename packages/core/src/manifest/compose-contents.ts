import { utf8 } from '../bytes.ts'
import { readBeside } from './beside.ts'
import { checkKeys } from './compose-known.ts'
import type { Field } from './field.ts'
import type { ParseOptions } from './parse-options.ts'
import { pathFrom } from './project-path.ts'

const NO_TEMPLATES = 'Templates are not offered.'

/** A file that goes into containers: what is in it, and where it lies beside the Compose file. */
export interface PlacedFile {
  /** Undefined where it is too large to be read whole. */
  content?: Uint8Array
  /** As for `ParseOptions.look`. Undefined where it lies nowhere. */
  path?: string
}

/**
 * The file's `configs` or `secrets`, which are read once a service takes them: what nobody takes needs not
 * be there.
 */
export class Contents {
  private readonly kind: 'configs' | 'secrets'
  private readonly section: Map<string, Field>
  private readonly options: ParseOptions
  private readonly taken = new Map<string, PlacedFile>()
  /** Taken, and not read here: external secrets, which come sealed, and those of builds. */
  private readonly elsewhere = new Set<string>()

  constructor(kind: 'configs' | 'secrets', section: Map<string, Field>, options: ParseOptions) {
    this.kind = kind
    this.section = section
    this.options = options
  }

  /** What a name stands for; undefined where it isn't declared. */
  take(name: string): PlacedFile | undefined {
    const entry = this.section.get(name)
    const known = this.taken.get(name)
    if (!entry || known) return known
    const content = readContent(entry, this.options)
    this.taken.set(name, content)
    return content
  }

  /** Where a secret's content lies, for a build that reads it itself; undefined where it isn't declared. */
  placeOf(name: string): { file: string } | { variable: string } | undefined {
    const entry = this.section.get(name)
    if (!entry) return undefined
    const file = entry.get('file')
    const variable = entry.get('environment')
    this.elsewhere.add(name)
    if (file) return { file: pathFrom(file, file.text()) }
    if (variable) return { variable: variable.text() }
    return entry.refuse(
      'a build reads a secret from a file or a variable',
      'Say file or environment; what is sealed is known to nobody on this machine.',
    )
  }

  takeSealed(name: string): void {
    this.elsewhere.add(name)
  }

  /** Those that no service took. Their keys are looked at all the same. */
  unused(): Field[] {
    return [...this.section].flatMap(([name, entry]) => {
      if (this.taken.has(name) || this.elsewhere.has(name)) return []
      checkKeys(entry, `${this.kind}.*`)
      return [entry]
    })
  }
}

function readContent(entry: Field, options: ParseOptions): PlacedFile {
  let content: Uint8Array | undefined
  let file: PlacedFile | undefined
  entry.fields(
    {
      content: (field) => void (content = utf8(field.printed())),
      environment: (field) => {
        const variable = field.text()
        const value = options.env && Object.hasOwn(options.env, variable) ? options.env[variable] : undefined
        content = utf8(value ?? field.refuse(`the variable ${variable} is not set`, { do: 'set-variable' }))
      },
      file: (field) => void (file = fileOf(field, options)),
    },
    {
      external:
        'Only secrets can be external: those come sealed (docs/secrets.md). Use file, content or environment.',
      template_driver: NO_TEMPLATES,
      driver:
        'Secrets of a store are not offered; make the secret external and send it sealed (docs/secrets.md).',
      driver_opts: 'Secrets of a store are not offered.',
    },
    {
      labels: 'labels have no effect',
      name: 'what is mounted is a file of the lease, without a name elsewhere',
    },
  )
  return file ?? (content && { content }) ?? entry.fail('one of file, content or environment')
}

function fileOf(field: Field, options: ParseOptions): PlacedFile {
  const found = readBeside(field, options)
  const path = pathFrom(field, field.text())
  if (found?.kind === 'file') return { content: found.content, path }
  if (found?.kind === 'large-file') return { path }
  return field.refuse(`the file ${field.text()} can't be read`, 'Paths are relative to the Compose file.')
}
