import {
  receiptsContract,
  receiversContract,
  vouchersContract,
  type Wallet,
  X402_COLLECTOR,
  x402Contract,
} from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import type { TransactionRequest } from '@cloister/workload/wire'
import { type Abi, type Address, decodeFunctionData, encodeFunctionData, type Hex } from 'viem'

/** Calls of each contract that a workload may have its worker send: none moves anything of the worker's. */
const ALLOWED = {
  vouchers: ['draw', 'drawMany', 'claimWithSignature', 'depositWithAuthorization', 'refundWithSignature'],
  receipts: ['anchor'],
  x402: ['deposit', 'claimWithSignature', 'settle', 'refundWithSignature'],
  receivers: ['sweep', 'takeAuthorized'],
} as const

const PAYING_IN = ['deposit', 'depositWithAuthorization', 'takeAuthorized']

const CONTRACTS: Record<
  TransactionRequest['contract'],
  (wallet: Pick<Wallet, 'network'>) => { address: Address; abi: Abi }
> = {
  vouchers: vouchersContract,
  receipts: receiptsContract,
  x402: x402Contract,
  receivers: receiversContract,
}

/** A contract call as it goes on chain. */
export interface Call {
  address: Address
  abi: Abi
  functionName: string
  args: readonly unknown[]
}

/**
 * The call that a workload of a lease asks for, if it is one that its worker sends for it. Receipts are
 * anchored for the lease itself and the era of the worker's store alone. Throws `forbidden` for any other
 * call, `not-found` where the network has no such contract.
 */
export function allowedCall(
  wallet: Pick<Wallet, 'network'>,
  { contract, data }: TransactionRequest,
  { lease, era }: { lease: Hex; era: bigint },
): Call {
  const called = CONTRACTS[contract](wallet)
  const { functionName, args } = decode(called.abi, data)
  if (!(ALLOWED[contract] as readonly string[]).includes(functionName))
    throw forbidden(`${functionName} of ${contract} is not among ${ALLOWED[contract].join(', ')}`)
  if (contract === 'receipts' && (args[0] !== lease || args[1] !== era))
    throw forbidden('receipts are anchored for the lease that asks, in the era of its worker’s store')
  // Another collector would be a contract of anybody's that runs at the worker's cost.
  if (functionName === 'deposit' && args[2] !== X402_COLLECTOR)
    throw forbidden('deposits are brought in by x402’s own collector')
  // So would a token that isn't one.
  const token = tokenOf(contract, functionName, args)
  if (token !== undefined && !wallet.network.tokens.some(({ address }) => address === token))
    throw forbidden('payments are taken in tokens that the network names')
  return { ...called, functionName, args }
}

/**
 * Whether a call takes what somebody pays, who needs no more for it than a signature: strangers have the
 * worker send as many of these as they like.
 */
export function isPayingIn({ functionName }: Pick<Call, 'functionName'>): boolean {
  return PAYING_IN.includes(functionName)
}

/** The token that a call has run; undefined where none is, or the contract sees to it. */
function tokenOf(
  contract: TransactionRequest['contract'],
  functionName: string,
  [first, second]: readonly unknown[],
): unknown {
  if (contract === 'receivers' || functionName === 'settle') return second
  const isOfChannel = contract === 'x402' && functionName !== 'claimWithSignature'
  return isOfChannel ? (first as { token: Address }).token : undefined
}

/** Reads a call, which has to be encoded as it would be here: with nothing before, between or behind. */
function decode(abi: Abi, data: Hex): { functionName: string; args: readonly unknown[] } {
  try {
    const { functionName, args = [] } = decodeFunctionData({ abi, data })
    if (encodeFunctionData({ abi, functionName, args }) === data.toLowerCase()) return { functionName, args }
  } catch {
    // Told below.
  }
  throw forbidden('the data is no call of that contract')
}

function forbidden(why: string): CloisterError {
  return new CloisterError('forbidden', `The worker does not send that: ${why}.`)
}
