import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { QuoteCollateral } from '../src/index.ts'

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
  collateral: QuoteCollateral
  /** Unix seconds inside the collateral's validity. */
  instant: number
}

/** The SGX and TDX vectors with their collateral. */
export function quoteVectors(): QuoteVector[] {
  return [
    { name: 'sgx/sgx_quote', instant: 1_751_000_000 },
    { name: 'tdx/tdx_quote', instant: 1_751_000_000 },
    { name: 'tdx/tdx_quote_outdated', instant: 1_772_500_000 },
  ].map(({ name, instant }) => ({
    name,
    instant,
    quote: readVector(name),
    collateral: JSON.parse(
      new TextDecoder().decode(readVector(`${name}_collateral.json`)),
    ) as QuoteCollateral,
  }))
}
