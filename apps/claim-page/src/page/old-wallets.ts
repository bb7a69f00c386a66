import { type LegacyAccount, parseAccount } from '@cloister/migration'
import { stringToHex } from 'viem'

/** An account in a wallet of the old chain. */
export interface WalletAccount {
  account: LegacyAccount
  /** As its owner calls it. */
  name: string
  /** Asks the owner to sign a text. Returns the signature in hexadecimal digits. */
  sign(text: string): Promise<string>
}

/** What extensions put into a page (`@polkadot/extension-inject`): Polkadot.js, Talisman, SubWallet. */
interface Injected {
  enable(asker: string): Promise<{
    accounts: { get(): Promise<readonly { address: string; name?: string }[]> }
    signer: {
      signRaw?(asked: { address: string; data: string; type: 'bytes' }): Promise<{ signature: string }>
    }
  }>
}

const NAMES: Readonly<Record<string, string>> = {
  'polkadot-js': 'Polkadot.js',
  talisman: 'Talisman',
  'subwallet-js': 'SubWallet',
}

/** Wallets of the old chain that this browser has, by the names that people know. */
export function walletsFound(): { id: string; name: string }[] {
  return Object.keys(injected()).map((id) => ({ id, name: NAMES[id] ?? id.slice(0, 32) }))
}

/** The accounts that a wallet shows this page once its owner allows it. */
export async function accountsOf(id: string): Promise<WalletAccount[]> {
  const wallet = await injected()[id]?.enable('Cloister')
  if (!wallet) throw new Error(`There is no wallet ${id} in this browser any more.`)
  const all = await wallet.accounts.get()
  return all.flatMap(({ address, name }) => {
    const account = accountOf(address)
    if (account === undefined) return []
    const sign = async (text: string) => {
      if (!wallet.signer.signRaw) throw new Error('This wallet signs no texts. Paste a signature instead.')
      // Wrapped already: wallets leave such a text as it is.
      const asked = { address, data: stringToHex(text), type: 'bytes' } as const
      return (await wallet.signer.signRaw(asked)).signature
    }
    return [{ account, name: name ?? '', sign }]
  })
}

/** Wallets also keep accounts of other kinds of chains. */
function accountOf(address: string): LegacyAccount | undefined {
  try {
    return parseAccount(address)
  } catch {
    return undefined
  }
}

function injected(): Readonly<Record<string, Injected>> {
  return (window as { injectedWeb3?: Record<string, Injected> }).injectedWeb3 ?? {}
}
