import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  parseDocument,
  type Range,
  Scalar,
  visit,
  type YAMLMap,
} from 'yaml'
import { utf8 } from '../bytes.ts'
import { CloisterError } from '../errors/error.ts'
import { type Hint, sentenceOf } from '../errors/hint.ts'
import { readPlain } from './scalar.ts'

/** Bytes of a Compose or SDL file. */
const MAX_FILE_BYTES = 1024 * 1024

/** Levels of lists and mappings in each other. */
const MOST_DEPTH = 100
/** Anchors, aliases and tags; the library looks through all anchors for each alias. */
const MOST_ALIASES = 2_000
/** Entries of one list or mapping; what is done with them may take the square of their number. */
export const MOST_ENTRIES = 5_000
const MOST_LINES = 100_000
/** Values in a file, and once more when its aliases and merges are followed. */
const MOST_VALUES = 50_000
/** Comes before the text of a plain scalar among the library's lexemes. */
const SCALAR = '\x1f'

/** Compose's own tags (Compose specification, "Merge"): what is under one replaces, or goes. */
const MERGE_TAGS = { '!reset': 'reset', '!override': 'override' } as const
export type MergeTag = (typeof MERGE_TAGS)[keyof typeof MERGE_TAGS]

/** What `yaml` itself calls numbers and truth values. */
const STANDARD_TAG = /^tag:yaml\.org,2002:(?:int|float|bool)$/

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
  override others: readonly ManifestError[] = []
  readonly file: string
  readonly line: number
  readonly field: string

  constructor(
    code: 'bad-file' | 'bad-field' | 'not-honoured' | 'outside',
    at: { file: string; line: number; field: string },
    problem: string,
    accepted: Hint,
    cause?: unknown,
  ) {
    const where = `${at.file}:${at.line}${at.field ? ` ${at.field}` : ''}`
    super(code, `${where}: ${problem}.`, {
      hint: accepted,
      details: { ...at, problem, accepted: sentenceOf(accepted) },
      cause,
    })
    this.file = at.file
    this.line = at.line
    this.field = at.field
  }
}

/** One parsed YAML file: its document and where things stand in it. */
export class Source {
  readonly file: string
  /** The folder of a file that another one names, relative to the folder of the first; empty for that. */
  readonly folder: string
  readonly warnings: ManifestWarning[]
  /** Variables for what stands in this file, where another one includes it with its own. */
  env: Readonly<Record<string, string>> | undefined
  private readonly document: Document
  private readonly lines = new LineCounter()
  private readonly tags = new Map<string, MergeTag>()
  private readonly entries = new WeakMap<YAMLMap, Map<string, unknown>>()

  /**
   * Parses YAML as Docker Compose and Akash do, with merge keys. Throws a ManifestError on bad syntax, too
   * large a file or an alias bomb.
   */
  constructor(file: string, text: string, folder = '', warnings: ManifestWarning[] = []) {
    this.file = file
    this.folder = folder
    this.warnings = warnings
    if (utf8(text).length > MAX_FILE_BYTES)
      throw new ManifestError(
        'bad-file',
        { file, line: 1, field: '' },
        'the file is too large',
        `At most ${MAX_FILE_BYTES} bytes.`,
      )
    checkShape(file, text)
    try {
      // Keys that stand twice are looked for below, which takes less than the square of their number.
      this.document = parseDocument(text, {
        lineCounter: this.lines,
        merge: true,
        logLevel: 'silent',
        prettyErrors: false,
        uniqueKeys: false,
      })
    } catch (cause) {
      throw new ManifestError(
        'bad-file',
        { file, line: 1, field: '' },
        'this is not YAML',
        'Check its syntax.',
        cause,
      )
    }
    const [problem] = this.document.errors
    if (problem)
      throw new ManifestError(
        'bad-file',
        { file, line: this.lines.linePos(problem.pos[0]).line, field: '' },
        `this is not YAML: ${problem.message
          .split('\n', 1)[0]
          ?.replace(/[.:]?\s*$/, '')
          .replace(/ at line \d+, column \d+$/, '')}`,
        'Check the indentation and quotes near that line.',
      )
    if (/!(?:reset|override)/.test(text)) this.takeTags(this.document.contents, [])
    visit(this.document, {
      Node: (_, node) => {
        if (isAlias(node) || node.tag === undefined || node.tag.startsWith('tag:yaml.org,2002:')) return
        throw this.wrong(
          node,
          `the tag ${node.tag.slice(0, 40)} can't be honoured`,
          'Write the value out.',
          'not-honoured',
        )
      },
    })
    // One visitor for each: of several, only the closest to a node's kind is called.
    visit(this.document, {
      Scalar: (position, node) => {
        if (node.type !== Scalar.PLAIN || (node.tag !== undefined && !STANDARD_TAG.test(node.tag))) return
        const written =
          typeof node.value === 'number' || typeof node.value === 'boolean' ? node.source : node.value
        node.value = position === 'key' ? written : (readPlain(node.source ?? '') ?? written)
      },
    })
    // The YAML library would look through all keys before for each.
    visit(this.document, { Map: (_, map) => this.checkKeys(map) })
  }

  /** Remembers where Compose's tags stand, and takes them off. */
  private takeTags(node: unknown, path: (string | number)[]): void {
    if (!isNode(node) || isAlias(node)) return
    const tag = node.tag
    if (tag === '!reset' || tag === '!override') {
      this.tags.set(JSON.stringify(path), MERGE_TAGS[tag])
      delete node.tag
    }
    if (isMap(node))
      for (const { key, value } of node.items) if (isScalar(key)) this.takeTags(value, [...path, nameOf(key)])
    if (isSeq(node)) for (const [index, item] of node.items.entries()) this.takeTags(item, [...path, index])
  }

  /** Compose's tag at a path. */
  tagAt(path: readonly (string | number)[]): MergeTag | undefined {
    return this.tags.size === 0 ? undefined : this.tags.get(JSON.stringify(path))
  }

  /** Refuses Compose's tags, for languages that have none. */
  refuseTags(): void {
    const [path] = this.tags.keys()
    if (path === undefined) return
    const at = JSON.parse(path) as (string | number)[]
    throw new ManifestError(
      'not-honoured',
      { file: this.file, line: this.lineOf(at), field: at.join('.') },
      "the tags !reset and !override can't be honoured",
      'They are for Compose files that are put over others.',
    )
  }

  /** Two keys that are written the same way are one key, quoted or not, as in go-yaml. */
  private checkKeys(map: YAMLMap): void {
    if (map.items.length > MOST_ENTRIES)
      throw this.wrong(
        map,
        `it has ${map.items.length} entries, and at most ${MOST_ENTRIES} are read`,
        'Leave some out.',
      )
    const known = new Set<string>()
    for (const { key } of map.items) {
      if (!isScalar(key)) continue
      const name = nameOf(key)
      if (known.has(name))
        throw this.wrong(key, `the key ${JSON.stringify(name.slice(0, 60))} stands twice`, 'Say it once.')
      known.add(name)
    }
  }

  private wrong(
    node: { range?: Range | null | undefined },
    problem: string,
    accepted: string,
    code: 'bad-file' | 'not-honoured' = 'bad-file',
  ): ManifestError {
    return new ManifestError(
      code,
      { file: this.file, line: this.lines.linePos(node.range?.[0] ?? 0).line, field: '' },
      problem,
      accepted,
    )
  }

  /** The whole file as JavaScript values: maps, lists, texts, `Plain` and null. */
  values(): unknown {
    let values: unknown
    try {
      values = this.document.toJS({ mapAsMap: true, maxAliasCount: MOST_VALUES })
    } catch {
      throw this.wrong(
        {},
        'its aliases can not be resolved',
        `Check its anchors and aliases; at most ${MOST_VALUES} values are read.`,
      )
    }
    const count = countOf(values)
    if (Number.isNaN(count))
      throw this.wrong({}, 'an alias stands in what it is an alias of', 'Write it out.')
    if (count > MOST_VALUES)
      throw this.wrong(
        {},
        `it has more than ${MOST_VALUES} values once its aliases are followed`,
        'Merge less, or split it.',
      )
    return values
  }

  /**
   * The line of the innermost node on a path that the file really has. Paths through merges and aliases have
   * none of their own.
   */
  lineOf(path: readonly (string | number)[]): number {
    let node: unknown = this.document.contents
    let line = 1
    for (const step of path) {
      node = isSeq(node)
        ? node.items[Number(step)]
        : isMap(node)
          ? this.entriesOf(node).get(String(step))
          : undefined
      if (!isNode(node) || !node.range) break
      line = this.lines.linePos(node.range[0]).line
    }
    return line
  }

  private entriesOf(map: YAMLMap): Map<string, unknown> {
    let entries = this.entries.get(map)
    if (!entries) {
      entries = new Map(map.items.flatMap(({ key, value }) => (isScalar(key) ? [[nameOf(key), value]] : [])))
      this.entries.set(map, entries)
    }
    return entries
  }
}

function nameOf({ value }: Scalar): string {
  return typeof value === 'symbol' ? '<<' : String(value)
}

/**
 * Looks at a file's lexemes before it is parsed, which takes long, and a stack, for what nobody writes:
 * lists and mappings in each other without end, and values without end.
 */
function checkShape(file: string, text: string): void {
  const columns: number[] = []
  let [flow, compact, column, line, values, aliases] = [0, 0, 0, 1, 0, 0]
  let isScalarNext = false
  let begins = true
  for (const lexeme of new Lexer().lex(text)) {
    const isSpace = lexeme.startsWith(' ') || lexeme.startsWith('\t')
    if (lexeme === SCALAR && !isScalarNext) isScalarNext = true
    else if (!isScalarNext && (lexeme === '\n' || lexeme === '\r\n')) [column, compact, begins] = [0, 0, true]
    else {
      if (begins && isSpace) column = lexeme.length
      else if (begins && !lexeme.startsWith('#')) {
        while ((columns.at(-1) ?? -1) >= column) columns.pop()
        if (flow === 0) columns.push(column)
        begins = false
      }
      // An empty place between commas is a value as well.
      if (isScalarNext || /^["',]/.test(lexeme)) values++
      else if (lexeme === '[' || lexeme === '{') flow++
      else if (lexeme === ']' || lexeme === '}') flow--
      else if (/^[&*!]/.test(lexeme)) aliases++
      else if (flow === 0 && (lexeme === '-' || lexeme === '?' || lexeme === ':')) compact++
      isScalarNext = false
    }
    if (columns.length + flow + compact > MOST_DEPTH)
      throw tooMuch(file, line, `it is nested deeper than ${MOST_DEPTH} levels`, 'Nest less.')
    if (values > MOST_VALUES) throw tooMuch(file, line, `it has more than ${MOST_VALUES} values`, 'Split it.')
    if (aliases > MOST_ALIASES)
      throw tooMuch(
        file,
        line,
        `it has more than ${MOST_ALIASES} anchors, aliases and tags`,
        'Write some of them out.',
      )
    if (line > MOST_LINES) throw tooMuch(file, line, `it has more than ${MOST_LINES} lines`, 'Split it.')
    for (let at = lexeme.indexOf('\n'); at >= 0; at = lexeme.indexOf('\n', at + 1)) line++
  }
}

function tooMuch(file: string, line: number, problem: string, accepted: string): ManifestError {
  return new ManifestError('bad-file', { file, line, field: '' }, problem, accepted)
}

/** Values in a file, up to where there are too many; none where one holds itself. */
function countOf(values: unknown): number {
  let count = 0
  const within = new Set<unknown>()
  const visitAll = (value: unknown): void => {
    if (within.has(value)) count = Number.NaN
    if (Number.isNaN(count) || ++count > MOST_VALUES || !(value instanceof Map || Array.isArray(value)))
      return
    within.add(value)
    for (const item of value.values()) visitAll(item)
    within.delete(value)
  }
  visitAll(values)
  return count
}
