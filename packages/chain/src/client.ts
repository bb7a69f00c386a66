import {
  type Account,
  type Client,
  createClient,
  defineChain,
  type Hex,
  http,
  type PublicActions,
  type Transport,
  type Chain as ViemChain,
  type WalletActions,
} from 'viem'
import {
  call,
  estimateContractGas,
  estimateFeesPerGas,
  getBalance,
  getBlock,
  getBlockNumber,
  getChainId,
  getCode,
  getContractEvents,
  getGasPrice,
  getLogs,
  getTransactionCount,
  getTransactionReceipt,
  readContract,
  sendTransaction,
  signTypedData,
  simulateContract,
  writeContract,
} from 'viem/actions'
import type { Network } from './network.ts'
import { waitForTransactionReceipt } from './transaction-receipt.ts'

/**
 * What reads a chain. Of viem's public actions it has those that are used here: one that has all of them is
 * 130 KB more, and simulates calls by selectors that it works out when it is read. Any other action of viem's
 * takes it as its first argument.
 */
export type Reader = Client<Transport, ViemChain> & Reading

type Reading = Pick<
  PublicActions<Transport, ViemChain>,
  | 'call'
  | 'estimateContractGas'
  | 'estimateFeesPerGas'
  | 'getBalance'
  | 'getBlock'
  | 'getBlockNumber'
  | 'getChainId'
  | 'getCode'
  | 'getContractEvents'
  | 'getGasPrice'
  | 'getLogs'
  | 'getTransactionCount'
  | 'getTransactionReceipt'
  | 'readContract'
  | 'simulateContract'
  | 'waitForTransactionReceipt'
>

/** What signs and sends, as one account. */
type Writer = Client<Transport, ViemChain, Account> & Writing

type Writing = Pick<WalletActions<ViemChain, Account>, 'sendTransaction' | 'signTypedData' | 'writeContract'>

/** A network with a client to read it. */
export interface Chain {
  network: Network
  client: Reader
}

/** A chain and an account that can send transactions. */
export interface Wallet extends Chain {
  account: Account
  wallet: Writer
}

/**
 * Connects to a network's chain for reading, over `transport` if it is another than HTTP. Opens no
 * connection until something is asked.
 */
export function connectChain(network: Network, transport?: Transport): Chain {
  const client = createClient({ ...clientOptions(network), ...(transport && { transport }) })
  return { network, client: Object.assign(client, reading(client)) }
}

/** Connects with an account, over `transport` if it is another than HTTP. */
export function connectWallet(network: Network, account: Account, transport?: Transport): Wallet {
  const client = createClient({ ...clientOptions(network), ...(transport && { transport }), account })
  return { ...connectChain(network, transport), account, wallet: Object.assign(client, writing(client)) }
}

function reading(client: Client<Transport, ViemChain>): Reading {
  const receipt: Reading['getTransactionReceipt'] = (asked) => getTransactionReceipt(client, asked)
  const { pollingInterval } = client
  return {
    call: (asked) => call(client, asked),
    estimateContractGas: (asked) => estimateContractGas(client, asked as never),
    estimateFeesPerGas: (asked) => estimateFeesPerGas(client, asked),
    getBalance: (asked) => getBalance(client, asked),
    getBlock: (asked) => getBlock(client, asked),
    getBlockNumber: (asked) => getBlockNumber(client, asked),
    getChainId: () => getChainId(client),
    getCode: (asked) => getCode(client, asked),
    getContractEvents: (asked) => getContractEvents(client, asked),
    getGasPrice: () => getGasPrice(client),
    // Generic over more than it can infer here; as viem's own client has it.
    getLogs: (asked) => getLogs(client, asked as never) as never,
    getTransactionCount: (asked) => getTransactionCount(client, asked),
    getTransactionReceipt: receipt,
    readContract: (asked) => readContract(client, asked),
    simulateContract: (asked) => simulateContract(client, asked),
    waitForTransactionReceipt: ({ hash, timeout }: { hash: Hex; timeout?: number | undefined }) =>
      waitForTransactionReceipt({ pollingInterval, getTransactionReceipt: receipt }, { hash, timeout }),
  }
}

function writing(client: Client<Transport, ViemChain, Account>): Writing {
  return {
    sendTransaction: (wanted) => sendTransaction(client, wanted),
    signTypedData: (wanted) => signTypedData(client, wanted),
    writeContract: (wanted) => writeContract(client, wanted),
  }
}

function clientOptions(network: Network) {
  const chain: ViemChain = defineChain({
    id: network.chainId,
    name: network.name,
    nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
    rpcUrls: { default: { http: [network.rpcUrl] } },
  })
  return {
    chain,
    transport: http(network.rpcUrl, { batch: true, retryCount: 2, timeout: 15_000 }),
    pollingInterval: network.pollingIntervalMs,
    cacheTime: 0,
  }
}
