import type { QuoteEndorsements } from '../src/index.ts'
import type { QuoteVector } from './vectors.ts'

/** A changed vector. `endorsements` is the vector's own object where it wasn't changed. */
export interface Mutant extends QuoteVector {
  kind: string
}

type Random = () => number
type Mutation = (vector: QuoteVector, pool: readonly QuoteVector[], random: Random) => Partial<QuoteVector>

const FIELDS = [
  'pck_crl_issuer_chain',
  'root_ca_crl',
  'pck_crl',
  'tcb_info_issuer_chain',
  'tcb_info',
  'tcb_info_signature',
  'qe_identity_issuer_chain',
  'qe_identity',
  'qe_identity_signature',
] as const satisfies (keyof QuoteEndorsements)[]
const CHAINS = ['pck_crl_issuer_chain', 'tcb_info_issuer_chain', 'qe_identity_issuer_chain'] as const
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?/g
const FIELD_LENGTHS = [1, 2, 4, 8, 16, 32, 48, 64]

/** Bytes flipped, fields swapped, lengths cut, certificates exchanged, times moved. */
const MUTATIONS: Record<string, Mutation> = {
  'quote byte flipped': ({ quote }, _, random) => ({ quote: flipped(quote, random) }),
  'quote bytes flipped': ({ quote }, _, random) => {
    let changed = quote
    for (let i = 0; i < 2 + below(6, random); i++) changed = flipped(changed, random)
    return { quote: changed }
  },
  'quote fields swapped': ({ quote }, _, random) => {
    const length = pick(FIELD_LENGTHS, random)
    const [a, b] = [below(quote.length - length, random), below(quote.length - length, random)]
    const changed = quote.slice()
    changed.set(quote.subarray(a, a + length), b)
    changed.set(quote.subarray(b, b + length), a)
    return { quote: changed }
  },
  'quote field blanked': ({ quote }, _, random) => {
    const length = pick(FIELD_LENGTHS, random)
    const at = below(quote.length - length, random)
    return { quote: quote.slice().fill(random() < 0.5 ? 0 : 0xff, at, at + length) }
  },
  'quote field of another quote': ({ quote }, pool, random) => {
    const other = pick(pool, random).quote
    const length = pick([...FIELD_LENGTHS, 384, 584], random)
    const at = below(Math.min(quote.length, other.length) - length, random)
    const changed = quote.slice()
    changed.set(other.subarray(at, at + length), at)
    return { quote: changed }
  },
  'quote cut': ({ quote }, _, random) => ({ quote: quote.slice(0, below(quote.length, random)) }),
  'quote lengthened': ({ quote }, _, random) => ({
    quote: Uint8Array.from([
      ...quote,
      ...Array.from({ length: 1 + below(64, random) }, () => below(256, random)),
    ]),
  }),
  'length field changed': ({ quote }, _, random) => {
    const view = new DataView(quote.slice().buffer)
    const at = pick([0, 4, 48, 50, 432, 436, 632, 636, 702, 764, 766, 1218, 1220, 1252, 1254], random)
    view.setUint16(
      at,
      (view.getUint16(at, true) + pick([1, 2, 6, 64, 384, 4096, 65_535, 65_534, 65_472], random)) & 0xffff,
      true,
    )
    return { quote: new Uint8Array(view.buffer) }
  },
  'quote certificates exchanged': ({ quote }, pool, random) => {
    const text = Buffer.from(quote).toString('latin1')
    const start = text.indexOf('-----BEGIN')
    const end = text.lastIndexOf('-----END CERTIFICATE-----') + 26
    const chain = exchanged(text.slice(start, end), pool, random)
    const changed = quote.slice()
    changed.fill(0, start, end).set(Buffer.from(chain, 'latin1').subarray(0, end - start), start)
    return { quote: changed }
  },
  'endorsements character changed': ({ endorsements }, _, random) => {
    const field = pick(FIELDS, random)
    const text = endorsements[field]
    const at = below(text.length, random)
    const character = pick([...'0123456789abcdefABCDEF+/=\n"{}:, -Z'], random)
    return { endorsements: { ...endorsements, [field]: text.slice(0, at) + character + text.slice(at + 1) } }
  },
  'endorsements cut': ({ endorsements }, _, random) => {
    const field = pick(FIELDS, random)
    return {
      endorsements: {
        ...endorsements,
        [field]: endorsements[field].slice(0, below(endorsements[field].length, random)),
      },
    }
  },
  'endorsements field exchanged': ({ endorsements }, pool, random) => {
    const field = pick(FIELDS, random)
    return {
      endorsements: {
        ...endorsements,
        [field]: pick(pool, random).endorsements[random() < 0.8 ? field : pick(FIELDS, random)],
      },
    }
  },
  'endorsements certificates exchanged': ({ endorsements }, pool, random) => {
    const field = pick(CHAINS, random)
    return { endorsements: { ...endorsements, [field]: exchanged(endorsements[field], pool, random) } }
  },
  'endorsements value changed': ({ endorsements }, _, random) => {
    const field = random() < 0.5 ? 'tcb_info' : 'qe_identity'
    const numbers = [...endorsements[field].matchAll(/\d+/g)]
    const { index, 0: found } = pick(numbers, random)
    return {
      endorsements: {
        ...endorsements,
        [field]:
          endorsements[field].slice(0, index) +
          below(300, random) +
          endorsements[field].slice(index + found.length),
      },
    }
  },
  'time moved': ({ instant }, _, random) => ({
    instant: instant + Math.round((random() - 0.5) * 10 ** (3 + random() * 6)),
  }),
}

/** `count` mutants of the vectors, the same for the same seed, all kinds in turn. */
export function* mutantsOf(vectors: readonly QuoteVector[], count: number, seed: number): Generator<Mutant> {
  const random = mulberry32(seed)
  const kinds = Object.entries(MUTATIONS)
  for (let i = 0; i < count; i++) {
    const [kind, mutate] = kinds[i % kinds.length] as [string, Mutation]
    const vector = pick(vectors, random)
    yield { ...vector, ...mutate(vector, vectors, random), kind }
  }
}

/** A chain with a certificate exchanged, doubled, dropped or moved. */
function exchanged(chain: string, pool: readonly QuoteVector[], random: Random): string {
  const certificates: string[] = chain.match(CERTIFICATE) ?? []
  const others = pool.flatMap(({ endorsements }) =>
    CHAINS.flatMap((field) => endorsements[field].match(CERTIFICATE) ?? []),
  )
  const at = below(certificates.length, random)
  const way = below(4, random)
  if (way === 0) certificates[at] = pick(others, random)
  else if (way === 1) certificates.splice(at, 1)
  else if (way === 2) certificates.splice(at, 0, certificates[at] ?? '')
  else certificates.push(...certificates.splice(at, 1))
  return certificates.join('')
}

function flipped(bytes: Uint8Array, random: Random): Uint8Array {
  const changed = bytes.slice()
  const at = below(bytes.length, random)
  changed[at] = (changed[at] ?? 0) ^ (1 + below(255, random))
  return changed
}

function pick<T>(from: readonly T[], random: Random): T {
  return from[below(from.length, random)] as T
}

function below(limit: number, random: Random): number {
  return Math.floor(random() * Math.max(limit, 1))
}

/** A small generator of uniform numbers in [0, 1), public domain. */
function mulberry32(seed: number): Random {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}
