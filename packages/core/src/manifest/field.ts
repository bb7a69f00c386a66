import { type Document, isAlias, isNode, LineCounter, parseDocument } from 'yaml'
import { CloisterError } from '../errors.ts'

/** Bytes of a Compose or SDL file. */
const MAX_FILE_BYTES = 1024 * 1024

/** Something about a manifest file that is ignored, and that the reader should know. */
export interface ManifestWarning {
  file: string
  line: number
  field: string
  message: string
}

/** A Compose or SDL file that can't become a manifest, with the place and what would do. */
export class ManifestError extends CloisterError {
  override name = 'ManifestError'
  readonly file: string
  readonly line: number
  readonly field: string

  constructor(
    code: 'bad-file' | 'bad-field' | 'not-honoured',
    at: { file: string; line: number; field: string },
    problem: string,
    accepted: string,
    cause?: unknown,
  ) {
    const where = `${at.file}:${at.line}${at.field ? ` ${at.field}` : ''}`
    super(code, `${where}: ${problem}.`, { hint: accepted, details: { ...at, problem, accepted }, cause })
    this.file = at.file
    this.line = at.line
    this.field = at.field
  }
}

/** One parsed YAML file: its document and where things stand in it. */
export class Source {
  readonly file: string
  readonly warnings: ManifestWarning[] = []
  private readonly document: Document
  private readonly lines = new LineCounter()

  /** Parses YAML 1.2 with merge keys. Throws a ManifestError on bad syntax, too large a file or an alias bomb. */
  constructor(file: string, text: string) {
    this.file = file
    if (Buffer.byteLength(text) > MAX_FILE_BYTES)
      throw new ManifestError('bad-file', { file, line: 1, field: '' }, 'the file is too large', `At most ${MAX_FILE_BYTES} bytes.`)
    try {
      this.document = parseDocument(text, { lineCounter: this.lines, merge: true, logLevel: 'silent', uniqueKeys: true })
    } catch (cause) {
      throw new ManifestError('bad-file', { file, line: 1, field: '' }, 'this is not YAML', 'Check its syntax.', cause)
    }
    const [problem] = this.document.errors
    if (problem)
      throw new ManifestError(
        'bad-file',
        { file, line: problem.linePos?.[0].line ?? 1, field: '' },
        `this is not YAML: ${problem.message
          .split('\n', 1)[0]
          ?.replace(/[.:]?\s*$/, '')
          .replace(/ at line \d+, column \d+$/, '')}`,
        'Check the indentation and quotes near that line.',
      )
  }

  /** The whole file as a field. */
  root(): Field {
    try {
      return new Field(this, [], this.document.toJS({ mapAsMap: true, maxAliasCount: 100 }))
    } catch (cause) {
      throw new ManifestError(
        'bad-file',
        { file: this.file, line: 1, field: '' },
        'its aliases can not be resolved',
        'Check its anchors and aliases; at most 100 expansions are followed.',
        cause,
      )
    }
  }

  /** The line of the innermost node on a path that the file really has. */
  lineOf(path: readonly (string | number)[]): number {
    for (let length = path.length; length > 0; length--) {
      try {
        const node = this.document.getIn(path.slice(0, length), true)
        if (isNode(node) && node.range) return this.lines.linePos(node.range[0]).line
        if (isAlias(node)) continue
      } catch {
        // Paths through merge keys and aliases have no node of their own; the parent's line is the best there is.
      }
    }
    return 1
  }
}

type FieldHandler = (field: Field) => void

/** A value in a manifest file, with its place. All reading goes through here, so that every error has a line. */
export class Field {
  readonly source: Source
  readonly path: readonly (string | number)[]
  readonly value: unknown

  constructor(source: Source, path: readonly (string | number)[], value: unknown) {
    this.source = source
    this.path = path
    this.value = value
  }

  /** `services.web.ports[0]` */
  get name(): string {
    return this.path.reduce<string>((text, part) => (typeof part === 'number' ? `${text}[${part}]` : text ? `${text}.${part}` : part), '')
  }

  get line(): number {
    return this.source.lineOf(this.path)
  }

  private get at() {
    return { file: this.source.file, line: this.line, field: this.name }
  }

  /** The value is wrong: says what was found and what would do. */
  fail(accepted: string): never {
    throw new ManifestError('bad-field', this.at, `found ${describe(this.value)}`, `Expected ${accepted}.`)
  }

  /** The value asks for what a worker can't give. */
  refuse(why: string, instead: string): never {
    throw new ManifestError('not-honoured', this.at, why, instead)
  }

  /** The value is ignored, harmlessly. */
  warn(message: string): void {
    this.source.warnings.push({ ...this.at, message })
  }

  /** Runs a parser that throws our unit errors and gives them this place. */
  parse<T>(parser: (text: string) => T): T {
    const text = this.text()
    try {
      return parser(text)
    } catch (error) {
      if (!(error instanceof CloisterError) || error instanceof ManifestError) throw error
      return this.fail(String(error.details['accepted'] ?? error.message.replace(/\.$/, '')))
    }
  }

  get isNull(): boolean {
    return this.value === null || this.value === undefined
  }

  get isMap(): boolean {
    return this.value instanceof Map
  }

  get isList(): boolean {
    return Array.isArray(this.value)
  }

  string(): string {
    if (typeof this.value !== 'string') this.fail('a string')
    return this.value
  }

  /** A string, number or boolean, as text. */
  text(): string {
    if (typeof this.value === 'string') return this.value
    if (typeof this.value === 'number' || typeof this.value === 'boolean' || typeof this.value === 'bigint') return String(this.value)
    return this.fail('a string or a number')
  }

  matching(pattern: RegExp, accepted: string): string {
    const text = this.text()
    return pattern.test(text) ? text : this.fail(accepted)
  }

  integer(min: number, max: number): number {
    const text = this.text()
    const value = /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN
    if (!(value >= min && value <= max)) this.fail(`a whole number from ${min} to ${max}`)
    return value
  }

  boolean(): boolean {
    if (this.value === true || this.value === 'true') return true
    if (this.value === false || this.value === 'false') return false
    return this.fail('true or false')
  }

  list(): Field[] {
    if (!Array.isArray(this.value)) this.fail('a list')
    return this.value.map((item, index) => new Field(this.source, [...this.path, index], item))
  }

  entries(): [string, Field][] {
    if (!(this.value instanceof Map)) return this.fail('a mapping')
    return [...this.value].map(([key, item]) => {
      const name = String(key)
      return [name, new Field(this.source, [...this.path, name], item)]
    })
  }

  get(key: string): Field | undefined {
    if (!(this.value instanceof Map) || !this.value.has(key)) return undefined
    return new Field(this.source, [...this.path, key], this.value.get(key))
  }

  /**
   * Reads a mapping whose keys are all accounted for: `handlers` honour, `refused` and `ignored` say why not. A key that
   * is in none of them is an error, so that nothing is dropped silently. Keys starting with `x-` are the writer's own.
   */
  fields(handlers: Record<string, FieldHandler>, refused: Record<string, string> = {}, ignored: Record<string, string> = {}): void {
    for (const [key, field] of this.entries()) {
      if (key.startsWith('x-')) continue
      if (Object.hasOwn(handlers, key)) handlers[key]?.(field)
      else if (Object.hasOwn(refused, key)) {
        if (!field.isNull && field.value !== false) field.refuse(`${key} can't be honoured`, refused[key] ?? '')
      } else if (Object.hasOwn(ignored, key)) field.warn(`ignored: ${ignored[key]}`)
      else field.refuse(`${JSON.stringify(key)} is not a known field here`, `Known here: ${Object.keys(handlers).join(', ')}.`)
    }
  }

  /** The same place with another value. */
  with(value: unknown): Field {
    return new Field(this.source, this.path, value)
  }
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return 'nothing'
  if (value instanceof Map) return 'a mapping'
  if (Array.isArray(value)) return 'a list'
  return JSON.stringify(typeof value === 'bigint' ? String(value) : value)?.slice(0, 80) ?? typeof value
}
