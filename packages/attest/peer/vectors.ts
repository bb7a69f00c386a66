import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { QuoteEndorsements } from '../src/index.ts'

/**
 * Real quotes lie beside the project, not in it; where they are absent, tests that need them say so and are
 * left out.
 */
const folder = fileURLToPath(new URL('../../../../shared/vectors/', import.meta.url))

export const hasVectors = existsSync(folder)

export function readVector(path: string): Uint8Array {
  return new Uint8Array(readFileSync(folder + path))
}

export interface QuoteVector {
  name: string
  quote: Uint8Array
  endorsements: QuoteEndorsements
  /** Unix seconds inside the endorsements' validity. */
  instant: number
}

/** The SGX and TDX vectors with their endorsements. */
export function quoteVectors(): QuoteVector[] {
  return [
    { name: 'sgx/sgx_quote', instant: 1_751_000_000 },
    { name: 'tdx/tdx_quote', instant: 1_751_000_000 },
    { name: 'tdx/tdx_quote_outdated', instant: 1_772_500_000 },
  ].map(({ name, instant }) => ({
    name,
    instant,
    quote: readVector(name),
    endorsements: JSON.parse(
      new TextDecoder().decode(readVector(`${name}_collateral.json`)),
    ) as QuoteEndorsements,
  }))
}
