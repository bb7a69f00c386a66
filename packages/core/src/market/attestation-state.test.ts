import { expect, test } from 'vitest'
import { attestationStateOf } from './attestation-state.ts'

test('a worker is attested by a vendor’s root, simulated by another, and lapsed without coverage', () => {
  const [vendors, development] = [{ attestation: {} }, { attestation: { root: 'AA==' } }]
  expect(attestationStateOf(vendors, true)).toBe('attested')
  expect(attestationStateOf(development, true)).toBe('simulated')
  for (const network of [vendors, development]) expect(attestationStateOf(network, false)).toBe('lapsed')
})
