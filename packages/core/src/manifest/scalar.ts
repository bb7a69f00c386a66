/**
 * A plain YAML scalar that is a number or a truth value: how it was written and how programs in Go read it.
 * JavaScript's own numbers would round what is longer than 53 bits and read `0440` as 440.
 */
export class Plain {
  /** As it stands in the file. */
  readonly source: string
  readonly kind: 'integer' | 'float' | 'boolean'
  /** As Docker Compose prints it, which is what a container gets. */
  readonly printed: string

  constructor(source: string, kind: Plain['kind'], printed: string) {
    this.source = source
    this.kind = kind
    this.printed = printed
  }

  toString(): string {
    return this.source
  }
}

const FLOAT = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/
const TRUTH: Record<string, string> = {
  true: 'true',
  True: 'true',
  TRUE: 'true',
  false: 'false',
  False: 'false',
  FALSE: 'false',
}
const SPECIAL: Record<string, string> = { '.inf': '+Inf', '+.inf': '+Inf', '-.inf': '-Inf', '.nan': 'NaN' }

/**
 * Reads a plain scalar as go-yaml does, which Docker Compose and Akash use (yaml.v3, `resolve.go`): `010`
 * and `0o10` are eight, `1_000` is a thousand, `0x10` sixteen, integers have 64 bits. Undefined for
 * everything that isn't a number or a truth value there.
 */
export function readPlain(source: string): Plain | undefined {
  if (Object.hasOwn(TRUTH, source)) return new Plain(source, 'boolean', TRUTH[source] ?? '')
  const special = /^[-+]?\.(?:inf|Inf|INF|nan|NaN|NAN)$/.test(source)
    ? SPECIAL[source.toLowerCase()]
    : undefined
  if (special !== undefined) return new Plain(source, 'float', special)
  if (!/^[-+0-9.]/.test(source)) return undefined
  const bare = source.replaceAll('_', '')
  const integer = source.startsWith('.') ? undefined : readInteger(bare)
  if (integer !== undefined) return new Plain(source, 'integer', String(integer))
  // A number that begins with its point may not have underscores.
  if (!FLOAT.test(source.startsWith('.') ? source : bare)) return undefined
  return new Plain(source, 'float', printFloat(Number(bare)))
}

/** Go's `strconv.ParseInt` with base 0, 64 bits signed or else unsigned. */
function readInteger(text: string): bigint | undefined {
  const match = /^([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))$/.exec(text)
  if (!match) return undefined
  const [, sign, hex, binary, octal, decimal] = match
  const size = BigInt(
    hex !== undefined
      ? `0x${hex}`
      : binary !== undefined
        ? `0b${binary}`
        : octal !== undefined
          ? `0o${octal}`
          : (decimal ?? '0'),
  )
  if (sign === '-') return size <= 1n << 63n ? -size : undefined
  return size < 1n << (sign === '+' ? 63n : 64n) ? size : undefined
}

/** Go's `%v`: shortest digits, an exponent of at least two digits below 1e-4 and from 1e21 on. */
function printFloat(value: number): string {
  if (value === 0) return Object.is(value, -0) ? '-0' : '0'
  const size = Math.abs(value)
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf'
  if (size >= 1e-4 && size < 1e21) return String(value)
  return value.toExponential().replace(/e([-+])(\d)$/, 'e$10$2')
}
