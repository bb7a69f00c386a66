// On its own, so that a command that signs reads no lists of words for phrases.
export { privateKeyToAccount } from 'viem/accounts'
