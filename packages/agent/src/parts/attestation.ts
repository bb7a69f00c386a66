import type { MakePart } from './part.ts'

/** Keeps the worker attested. */
export const attestationPart: MakePart = ({ attestor }) => ({
  name: 'attestation',
  start: (signal) => attestor.keep(signal),
})
