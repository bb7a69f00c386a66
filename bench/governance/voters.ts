import { findToken, send, type Wallet } from '@cloister/chain'
import { type DevelopmentChain, startDevelopmentChain } from '@cloister/development/chain'
import {
  type Address,
  encodeDeployData,
  encodeFunctionData,
  erc20Abi,
  getContractAddress,
  type Hex,
  keccak256,
  maxUint256,
  parseAbi,
  parseSignature,
  toHex,
} from 'viem'
import { type PrivateKeyAccount, privateKeyToAccount } from 'viem/accounts'
import type { Compiled } from '../peers/compile.ts'

/** Accounts that are registered in one transaction. */
const AT_ONCE = 50
/** Gas for that; a transaction may have no more (EIP-7825). */
const ENROL_GAS = 2n ** 24n
const EIP5267 = parseAbi([
  'function eip712Domain() view returns (bytes1 fields, string name, string version, uint256 chainId, address verifyingContract, bytes32 salt, uint256[] extensions)',
])

/** Account `index` of a benchmark's voters, the same each time. */
export function voterOf(index: number): PrivateKeyAccount {
  return privateKeyToAccount(keccak256(toHex(`voter ${index}`)))
}

/** A chain with contracts, moved on by hand. */
export interface Stage {
  chain: DevelopmentChain
  token: Address
  /** Lets time pass, in seconds. */
  pass(seconds: number): Promise<void>
  /** The newest block's time, Unix seconds. */
  now(): Promise<number>
  /** Gas that a transaction took, calldata included. */
  gasOf(transaction: Hex): Promise<bigint>
}

export async function raiseStage(): Promise<Stage> {
  const chain = await startDevelopmentChain(['--auto-impersonate'])
  const { client } = chain.wallet(0)
  const rpc = (method: string, ...params: unknown[]) => client.request({ method, params } as never)
  return {
    chain,
    token: findToken(chain.network, 'CLOI').address,
    pass: async (seconds) => {
      await rpc('evm_increaseTime', seconds)
      await rpc('evm_mine')
    },
    now: async () => Number((await client.getBlock()).timestamp),
    gasOf: async (hash) => (await client.getTransactionReceipt({ hash })).gasUsed,
  }
}

/** Deploys a contract; returns its address. */
export async function deploy(wallet: Wallet, { abi, bytecode }: Compiled, args: unknown[]): Promise<Address> {
  const nonce = await wallet.client.getTransactionCount({ address: wallet.account.address })
  const hash = await wallet.wallet.sendTransaction({
    account: wallet.account,
    chain: null,
    data: encodeDeployData({ abi, bytecode, args }),
    nonce,
  })
  const { status } = await wallet.client.waitForTransactionReceipt({ hash })
  if (status !== 'success') throw new Error('a peer’s contract was not deployed')
  return getContractAddress({ from: wallet.account.address, nonce: BigInt(nonce) })
}

/** Gives each account so much CLOI, and registers it by its signature. Base units. */
export async function enrol(
  { chain, token }: Stage,
  enrolment: Compiled,
  voters: readonly PrivateKeyAccount[],
  amount: bigint,
): Promise<void> {
  const wallet = chain.wallet(0)
  const address = await deploy(wallet, enrolment, [])
  const approval = { address: token, abi: erc20Abi, functionName: 'approve' } as const
  await send(wallet, { ...approval, args: [address, maxUint256] })
  const read = { address: token, abi: EIP5267, functionName: 'eip712Domain' } as const
  const [, name, version, chainId, verifyingContract] = await wallet.client.readContract(read)
  const domain = { name, version, chainId: Number(chainId), verifyingContract }
  for (let at = 0; at < voters.length; at += AT_ONCE) {
    const rows = await Promise.all(
      voters.slice(at, at + AT_ONCE).map(async (voter) => {
        const signature = await voter.signTypedData({
          domain,
          types: { Delegation: DELEGATION },
          primaryType: 'Delegation',
          message: { delegatee: voter.address, nonce: 0n, expiry: maxUint256 },
        })
        const { r, s, yParity } = parseSignature(signature)
        return { account: voter.address, v: yParity + 27, r, s }
      }),
    )
    const args = [token, amount, rows]
    const data = encodeFunctionData({ abi: enrolment.abi, functionName: 'enrol', args })
    // Not tried beforehand, as a network's own transactions are: that takes twice as long again.
    const hash = await wallet.wallet.sendTransaction({
      account: wallet.account,
      chain: null,
      to: address,
      data,
      gas: ENROL_GAS,
    })
    const { status } = await wallet.client.waitForTransactionReceipt({ hash })
    if (status !== 'success') throw new Error('the voters were not registered')
  }
}

const DELEGATION = [
  { name: 'delegatee', type: 'address' },
  { name: 'nonce', type: 'uint256' },
  { name: 'expiry', type: 'uint256' },
] as const
