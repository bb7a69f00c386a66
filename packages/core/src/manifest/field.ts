import { CloisterError } from '../errors/error.ts'
import type { Hint } from '../errors/hint.ts'
import { each } from './every-problem.ts'
import { nearest } from './nearest.ts'
import { Plain } from './scalar.ts'
import { ManifestError, type MergeTag, MOST_ENTRIES, type Source } from './source.ts'

type FieldHandler = (field: Field) => void

/**
 * A value in a manifest file, with its place. All reading goes through here, so that every error has a line.
 */
export class Field {
  readonly source: Source
  readonly path: readonly (string | number)[]
  readonly value: unknown

  constructor(source: Source, path: readonly (string | number)[], value: unknown) {
    this.source = source
    this.path = path
    this.value = value
  }

  /** A whole file. */
  static of(source: Source): Field {
    return new Field(source, [], source.values())
  }

  /** `services.web.ports[0]` */
  get name(): string {
    return this.path.reduce<string>(
      (text, part) => (typeof part === 'number' ? `${text}[${part}]` : text ? `${text}.${part}` : part),
      '',
    )
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

  /** The value asks for what a worker can't give, or what isn't the file's to take (`outside`). */
  refuse(why: string, instead: Hint, code: 'not-honoured' | 'outside' = 'not-honoured'): never {
    throw new ManifestError(code, this.at, why, instead)
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

  /** Nothing, or what asks for nothing: `false`, an empty text, list or mapping. */
  get isNothing(): boolean {
    if (this.value instanceof Map) return this.value.size === 0
    if (this.value instanceof Plain) return this.value.printed === 'false'
    return this.isNull || this.value === '' || (Array.isArray(this.value) && this.value.length === 0)
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

  /** A string, number or truth value, as it is written. */
  text(): string {
    if (typeof this.value === 'string') return this.value
    return this.value instanceof Plain ? this.value.source : this.fail('a string or a number')
  }

  /**
   * The same as Docker Compose hands it on: numbers as their values, which may differ from how they are
   * written.
   */
  printed(): string {
    if (!(this.value instanceof Plain)) return this.text()
    const { source, printed } = this.value
    if (printed !== source)
      this.warn(
        `Docker Compose reads ${source} as ${printed}, and so do we; put it into quotes to keep it as it is`,
      )
    return printed
  }

  matching(pattern: RegExp, accepted: string): string {
    const text = this.text()
    return pattern.test(text) ? text : this.fail(accepted)
  }

  integer(min: number, max: number): number {
    const text =
      this.value instanceof Plain && this.value.kind === 'integer' ? this.value.printed : this.text()
    const value = /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN
    if (!(value >= min && value <= max)) this.fail(`a whole number from ${min} to ${max}`)
    return value
  }

  boolean(): boolean {
    const text =
      this.value instanceof Plain || typeof this.value === 'string' ? String(this.value).toLowerCase() : ''
    if (['true', 'y', 'yes', 'on'].includes(text)) return true
    if (['false', 'n', 'no', 'off'].includes(text)) return false
    return this.fail('true or false')
  }

  /** Compose's tag: what is under `reset` is as if it weren't there. */
  get tag(): MergeTag | undefined {
    return this.source.tagAt(this.path)
  }

  list(): Field[] {
    return this.allItems().filter(({ tag }) => tag !== 'reset')
  }

  entries(): [string, Field][] {
    return this.allEntries().filter(([, { tag }]) => tag !== 'reset')
  }

  /** A list's items with those that are tagged `!reset`. */
  allItems(): Field[] {
    if (!Array.isArray(this.value)) this.fail('a list')
    this.checkLength(this.value.length)
    return this.value.map((item, index) => this.child(index, item))
  }

  /** A mapping's entries with those that are tagged `!reset`, which take away what is below them. */
  allEntries(): [string, Field][] {
    if (!(this.value instanceof Map)) return this.fail('a mapping')
    this.checkLength(this.value.size)
    return [...this.value].map(([key, item]) => {
      const name = String(key)
      return [name, this.child(name, item)]
    })
  }

  private checkLength(length: number): void {
    if (length > MOST_ENTRIES)
      this.refuse(`it has ${length} entries, and at most ${MOST_ENTRIES} are read`, 'Leave some out.')
  }

  get(key: string): Field | undefined {
    if (!(this.value instanceof Map) || !this.value.has(key)) return undefined
    const found = this.child(key, this.value.get(key))
    return found.tag === 'reset' ? undefined : found
  }

  /**
   * Reads a mapping whose keys are all accounted for: `handlers` honour, `refused` and `ignored` say why
   * not. A key that is in none of them is an error, so that nothing is dropped silently. Keys starting with
   * `x-` are the writer's own.
   */
  fields(
    handlers: Record<string, FieldHandler>,
    refused: Record<string, string> = {},
    ignored: Record<string, string> = {},
  ): void {
    this.readAll(handlers, refused, ignored, (key, field) => {
      const meant = nearest(key, Object.keys(handlers))
      const hint = `Known here: ${Object.keys(handlers).join(', ')}.`
      field.refuse(
        `${JSON.stringify(key)} is not a known field here`,
        meant === undefined ? hint : `Did you mean ${meant}? ${hint}`,
      )
    })
  }

  /**
   * The same where the language passes over what it doesn't know, as Akash does below the top level: such a
   * key is warned of.
   */
  knownFields(
    handlers: Record<string, FieldHandler>,
    refused: Record<string, string> = {},
    ignored: Record<string, string> = {},
  ): void {
    this.readAll(handlers, refused, ignored, (key, field) =>
      field.warn(
        `ignored, as Akash ignores it: ${JSON.stringify(key)} is not a field of SDL here (known: ${Object.keys(handlers).join(', ')})`,
      ),
    )
  }

  private readAll(
    handlers: Record<string, FieldHandler>,
    refused: Record<string, string>,
    ignored: Record<string, string>,
    unknown: (key: string, field: Field) => void,
  ): void {
    each(this.entries(), ([key, field]) => {
      if (key.startsWith('x-')) return
      if (Object.hasOwn(handlers, key)) handlers[key]?.(field)
      else if (Object.hasOwn(refused, key)) {
        if (!field.isNothing) field.refuse(`${key} can't be honoured`, refused[key] ?? '')
      } else if (Object.hasOwn(ignored, key)) field.warn(`ignored: ${ignored[key]}`)
      else unknown(key, field)
    })
  }

  /**
   * What is below. A list or mapping that was put together of several holds fields, which keep their places.
   */
  private child(key: string | number, item: unknown): Field {
    return item instanceof Field ? item : new Field(this.source, [...this.path, key], item)
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
  return value instanceof Plain
    ? value.source.slice(0, 80)
    : (JSON.stringify(value)?.slice(0, 80) ?? typeof value)
}
