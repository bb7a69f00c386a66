import imported from '@snapshot-labs/snapshot.js'

export { Wallet as EtherWallet } from '@ethersproject/wallet'

/** snapshot.js as Node gives it: its types say that what it exports is one step further in. */
export const snapshot = imported as unknown as (typeof imported)['default']
