import { CloisterError } from '@cloister/core'
import {
  type Abi,
  type Address,
  BaseError,
  type ContractFunctionArgs,
  type ContractFunctionName,
  Eip1559FeesNotSupportedError,
  type FeeValuesEIP1559,
  NonceTooLowError,
  type TransactionReceipt,
} from 'viem'
import type { Wallet } from '../client.ts'
import { chainError } from '../errors/chain-error.ts'

const SPARE_GAS = 80_000n
/**
 * Other processes may be sending with the same account, and take the number that a transaction of ours was
 * to have.
 */
const NONCE_TRIES = 5
const TAKEN = /nonce too low|replacement transaction underpriced|already (known|imported)/i

/**
 * Simulates, sends and waits for one contract call. A revert is told before anything is sent, as `reverted`
 * with the contract's own error name. Throws `chain-unreachable` where the chain does not answer. `limit`:
 * the gas that it is sent with; a little more than it is estimated to take, if not given.
 */
export async function send<
  const abi extends Abi,
  name extends ContractFunctionName<abi, 'nonpayable' | 'payable'>,
>(
  wallet: Wallet,
  call: {
    address: Address
    abi: abi
    functionName: name
    args: ContractFunctionArgs<abi, 'nonpayable' | 'payable', name>
  },
  limit?: bigint,
): Promise<TransactionReceipt> {
  try {
    // The generic call can't be checked by viem's own inference twice; its shape was checked above.
    const request = { ...call, account: wallet.account } as never
    const [{ request: simulated }, gas, fees] = await Promise.all([
      wallet.client.simulateContract(request),
      limit ?? estimated(wallet, call),
      feesOf(wallet),
    ])
    // With all that a transaction has, viem asks for nothing more.
    const { chainId } = wallet.network
    const hash = await withFreeNonce(wallet, (nonce) =>
      wallet.wallet.writeContract({ ...(simulated as object), ...fees, chainId, gas, nonce } as never),
    )
    const receipt = await wallet.client.waitForTransactionReceipt({ hash, timeout: 60_000 })
    if (receipt.status === 'success') return receipt
    // Something came before it in the block; asked again, the contract says what.
    await wallet.client.simulateContract({
      ...(request as object),
      blockNumber: receipt.blockNumber,
    } as never)
    throw new CloisterError('reverted', `${String(call.functionName)} was reverted on chain.`, {
      details: { transaction: hash },
    })
  } catch (error) {
    throw chainError(String(call.functionName), error)
  }
}

async function estimated({ client, account }: Wallet, call: object): Promise<bigint> {
  // By its address alone: with a key to sign with, viem would first ask for all that a transaction has.
  const gas = await client.estimateContractGas({ ...call, account: account.address } as never)
  // What a lease has earned grows with time: a settlement that writes nothing now may write fresh slots a
  // block later.
  return (gas * 5n) / 4n + SPARE_GAS
}

/** What a transaction offers for its gas; nothing where the chain knows no EIP-1559, and viem finds out. */
async function feesOf({ client }: Wallet): Promise<Partial<FeeValuesEIP1559>> {
  try {
    return await client.estimateFeesPerGas()
  } catch (error) {
    if (error instanceof Eip1559FeesNotSupportedError) return {}
    throw error
  }
}

/** Sends again where another transaction of the account took the nonce meanwhile. */
async function withFreeNonce<T>(
  { client, account: { address } }: Wallet,
  write: (nonce: number) => Promise<T>,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await write(await client.getTransactionCount({ address, blockTag: 'pending' }))
    } catch (error) {
      const isTaken =
        error instanceof BaseError &&
        (error.walk((cause) => cause instanceof NonceTooLowError) !== null || TAKEN.test(error.message))
      if (!isTaken || tries === NONCE_TRIES) throw error
    }
  }
}
