import { CloisterError } from '@cloister/core'
import type { Abi, Address, ContractFunctionArgs, ContractFunctionName, ReadContractReturnType } from 'viem'
import type { Chain } from '../../client.ts'
import { chainError } from '../../errors/chain-error.ts'
import { RECEIPTS_ABI, VOUCHERS_ABI } from '../../generated/abis.ts'

type Described = Pick<Chain, 'network'>

/** Where models are offered and paid. Throws `not-found` where the network has no such contract. */
export function vouchersContract({ network: { name, contracts } }: Described) {
  if (contracts.vouchers) return { address: contracts.vouchers, abi: VOUCHERS_ABI } as const
  throw new CloisterError('not-found', `The network ${name} has no models that are paid by the token.`, {
    hint: 'Its description names the contract they are paid through under contracts.vouchers.',
  })
}

/** Where receipts are anchored. Throws `not-found` where the network has no such contract. */
export function receiptsContract({ network: { name, contracts } }: Described) {
  if (contracts.receipts) return { address: contracts.receipts, abi: RECEIPTS_ABI } as const
  throw new CloisterError('not-found', `The network ${name} has no contract that receipts are anchored in.`, {
    hint: 'Its description names that under contracts.receipts.',
  })
}

/** Asks a view of a contract. Throws `reverted`, `chain-unreachable`. */
export async function read<const abi extends Abi, name extends ContractFunctionName<abi, 'view'>>(
  { client }: Pick<Chain, 'client'>,
  contract: { address: Address; abi: abi },
  functionName: name,
  args: ContractFunctionArgs<abi, 'view', name>,
): Promise<ReadContractReturnType<abi, name>> {
  try {
    // What is generic over its own types in viem was checked where it was called.
    return (await client.readContract({ ...contract, functionName, args } as never)) as never
  } catch (error) {
    throw chainError(functionName, error)
  }
}
