import { connectChain, connectWallet, type Network } from '@cloister/chain'
import { type Cloister, createCloister } from '@cloister/sdk'
import { type Address, custom, getAddress, numberToHex } from 'viem'

/** A wallet of the new chain, as it puts itself into pages (EIP-1193). */
interface Provider {
  request(asked: { method: string; params?: unknown }): Promise<unknown>
}

/** Whether this browser has a wallet of the new chain. */
export function hasWallet(): boolean {
  return provider() !== undefined
}

/** The address that the wallet acts as, once its owner allows it. */
export async function addressOfWallet(): Promise<Address> {
  const [address] = (await ask('eth_requestAccounts')) as string[]
  if (address === undefined) throw new Error('The wallet has no address to show.')
  return getAddress(address)
}

/** The network, read and written to by the wallet alone; it is asked to be on that chain. */
export async function connectByWallet(network: Network): Promise<Cloister> {
  const address = await addressOfWallet()
  await switchTo(network)
  const transport = custom({ request: ({ method, params }) => ask(method, params) })
  const account = { type: 'json-rpc', address } as const
  return {
    ...createCloister({ network }),
    chain: connectChain(network, transport),
    wallet: connectWallet(network, account, transport),
  }
}

async function switchTo({ chainId, name, rpcUrl }: Network): Promise<void> {
  const id = numberToHex(chainId)
  if (BigInt((await ask('eth_chainId')) as string) === BigInt(chainId)) return
  try {
    await ask('wallet_switchEthereumChain', [{ chainId: id }])
  } catch (error) {
    // EIP-3326 and EIP-3085: the wallet doesn't know the chain.
    if ((error as { code?: number }).code !== 4902) throw error
    const nativeCurrency = { name: 'Ether', symbol: 'ETH', decimals: 18 }
    await ask('wallet_addEthereumChain', [
      { chainId: id, chainName: name, rpcUrls: [rpcUrl], nativeCurrency },
    ])
  }
  if (BigInt((await ask('eth_chainId')) as string) !== BigInt(chainId))
    throw new Error(`The wallet is on another chain. Switch it to ${name} (${chainId}).`)
}

async function ask(method: string, params?: unknown): Promise<unknown> {
  const found = provider()
  if (!found) throw new Error('There is no wallet of the new chain in this browser.')
  return found.request(params === undefined ? { method } : { method, params })
}

function provider(): Provider | undefined {
  return (window as { ethereum?: Provider }).ethereum
}
