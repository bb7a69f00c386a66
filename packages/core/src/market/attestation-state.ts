/**
 * How a worker stands: `attested` by a vendor's hardware and covered now; `simulated` where the network's
 * root is a development one; `lapsed` where its coverage has ended.
 */
export const ATTESTATION_STATES = ['attested', 'simulated', 'lapsed'] as const
export type AttestationState = (typeof ATTESTATION_STATES)[number]

/** A network, as far as its trust root goes: absent, it is the vendor's own. */
interface Rooted {
  attestation: { root?: string | undefined }
}

/** True if evidence on a network is checked against a development root. */
export function isSimulated({ attestation }: Rooted): boolean {
  return attestation.root !== undefined
}

/** How a worker of a network stands that is covered now, or isn't. */
export function attestationStateOf(network: Rooted, isCovered: boolean): AttestationState {
  if (!isCovered) return 'lapsed'
  return isSimulated(network) ? 'simulated' : 'attested'
}
