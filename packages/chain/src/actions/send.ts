import { CloisterError } from '@cloister/core'
import {
  type Abi,
  type Address,
  BaseError,
  type ContractFunctionArgs,
  type ContractFunctionName,
  ContractFunctionRevertedError,
  decodeErrorResult,
  NonceTooLowError,
  type TransactionReceipt,
} from 'viem'
import type { Wallet } from '../client.ts'
import { TOKEN_ABI } from '../generated/abis.ts'
import { REFUSALS } from './refusals.ts'

const SPARE_GAS = 80_000n
/**
 * Other processes may be sending with the same account, and take the number that a transaction of ours was
 * to have.
 */
const NONCE_TRIES = 5
const TAKEN = /nonce too low|replacement transaction underpriced|already (known|imported)/i

/**
 * Simulates, sends and waits for one contract call. A revert is told before anything is sent, as `reverted`
 * with the contract's own error name. Throws `chain-unreachable` where the chain does not answer.
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
): Promise<TransactionReceipt> {
  try {
    // The generic call can't be checked by viem's own inference twice; its shape was checked above.
    const request = { ...call, account: wallet.account } as never
    const [{ request: simulated }, estimated] = await Promise.all([
      wallet.client.simulateContract(request),
      wallet.client.estimateContractGas(request),
    ])
    // What a lease has earned grows with time: a settlement that writes nothing now may write fresh slots a
    // block later.
    const gas = (estimated * 5n) / 4n + SPARE_GAS
    const hash = await withFreeNonce(() =>
      wallet.wallet.writeContract({ ...(simulated as object), gas } as never),
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

/** Sends again where another transaction of the account took the nonce meanwhile. */
async function withFreeNonce<T>(write: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await write()
    } catch (error) {
      const isTaken =
        error instanceof BaseError &&
        (error.walk((cause) => cause instanceof NonceTooLowError) !== null || TAKEN.test(error.message))
      if (!isTaken || tries === NONCE_TRIES) throw error
    }
  }
}

/** Name and arguments of the error that a contract, or a token it calls, reverted with. */
function decodeRevert({ data, raw, reason }: ContractFunctionRevertedError): {
  name: string
  args: readonly unknown[]
} {
  if (data) return { name: data.errorName, args: data.args ?? [] }
  try {
    const { errorName, args } = decodeErrorResult({ abi: TOKEN_ABI as Abi, data: raw ?? '0x' })
    return { name: errorName, args: args ?? [] }
  } catch {
    return { name: reason ?? 'no reason', args: [] }
  }
}

/** Our error for whatever viem threw while doing `what`. */
export function chainError(what: string, error: unknown): CloisterError {
  if (error instanceof CloisterError) return error
  if (error instanceof BaseError) {
    const revert = error.walk((cause) => cause instanceof ContractFunctionRevertedError)
    if (revert instanceof ContractFunctionRevertedError) {
      const decoded = decodeRevert(revert)
      const { name } = decoded
      const args = decoded.args.map(String).join(', ')
      const reason = REFUSALS[name]
      const told = reason === undefined ? `${name}${args ? ` (${args})` : ''}.` : `${reason} (${name})`
      return new CloisterError('reverted', `The contract refuses ${what}: ${told}`, {
        details: { error: name },
        cause: error,
      })
    }
    if (/insufficient funds/i.test(error.message))
      return new CloisterError('no-gas', `The account has no ether to pay for ${what}.`, {
        hint: { do: 'fund-account' },
        cause: error,
      })
    return new CloisterError('chain-unreachable', `The chain did not take ${what}: ${error.shortMessage}`, {
      hint: 'Is the network running?',
      cause: error,
    })
  }
  return new CloisterError('chain-unreachable', `The chain did not take ${what}.`, { cause: error })
}
