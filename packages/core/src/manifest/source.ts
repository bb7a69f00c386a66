import { type Document, isAlias, isNode, LineCounter, parseDocument, Scalar, visit } from 'yaml'
import { CloisterError } from '../errors.ts'
import { readPlain } from './scalar.ts'

/** Bytes of a Compose or SDL file. */
const MAX_FILE_BYTES = 1024 * 1024

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
  /** The folder of a file that another one names, relative to the folder of the first; empty for that. */
  readonly folder: string
  readonly warnings: ManifestWarning[]
  /** Variables for what stands in this file, where another one includes it with its own. */
  env: Readonly<Record<string, string>> | undefined
  private readonly document: Document
  private readonly lines = new LineCounter()

  /** Parses YAML as Docker Compose and Akash do, with merge keys. Throws a ManifestError on bad syntax, too large a file or an alias bomb. */
  constructor(file: string, text: string, folder = '', warnings: ManifestWarning[] = []) {
    this.file = file
    this.folder = folder
    this.warnings = warnings
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
    visit(this.document, {
      Node: (_, node) => {
        if (isAlias(node) || node.tag === undefined || node.tag.startsWith('tag:yaml.org,2002:')) return
        const line = this.lines.linePos(node.range?.[0] ?? 0).line
        throw new ManifestError('not-honoured', { file, line, field: '' }, `the tag ${node.tag.slice(0, 40)} can't be honoured`, 'Write the value out.')
      },
    })
    visit(this.document, {
      Scalar: (position, node) => {
        if (node.type !== Scalar.PLAIN || (node.tag !== undefined && !STANDARD_TAG.test(node.tag))) return
        const written = typeof node.value === 'number' || typeof node.value === 'boolean' ? node.source : node.value
        node.value = position === 'key' ? written : (readPlain(node.source ?? '') ?? written)
      },
    })
  }

  /** The whole file as JavaScript values: maps, lists, texts, `Plain` and null. */
  values(): unknown {
    try {
      return this.document.toJS({ mapAsMap: true, maxAliasCount: 100 })
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
