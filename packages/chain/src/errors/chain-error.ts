import { CloisterError } from '@cloister/core'
import {
  type Abi,
  type AbiParameter,
  BaseError,
  ContractFunctionRevertedError,
  decodeErrorResult,
  type Hex,
} from 'viem'
import { GRANTS_ABI, TOKEN_ABI, TRACKS_ABI } from '../generated/abis.ts'
import { refusalOf } from './refusals.ts'

interface Revert {
  name: string
  args: readonly unknown[]
  inputs: readonly AbiParameter[]
}

/** What our contracts call, and whose errors theirs can be. */
const CALLED_ABIS = [...TOKEN_ABI, ...TRACKS_ABI, ...GRANTS_ABI] as Abi

/** The error that a contract, or one that it calls, reverted with. */
function decodeRevert({ data, raw, reason }: ContractFunctionRevertedError): Revert {
  try {
    const decoded = data ?? decodeErrorResult({ abi: CALLED_ABIS, data: raw ?? '0x' })
    const inputs = decoded.abiItem.type === 'error' ? decoded.abiItem.inputs : []
    return { name: decoded.errorName, args: decoded.args ?? [], inputs }
  } catch {
    return { name: reason ?? 'no reason', args: [], inputs: [] }
  }
}

/** Why a contract refuses, in a sentence that ends with its error's name. */
function explain({ name, args, inputs }: Revert): string {
  const named = Object.fromEntries(inputs.map((input, position) => [input.name ?? '', args[position]]))
  const reason = refusalOf(name, named)
  const inner = innerOf(named['returned'])
  if (reason !== undefined) return `${reason} (${name})${inner === undefined ? '' : ` ${inner}`}`
  return args.length > 0 ? `${name} (${args.map(String).join(', ')}).` : `${name}.`
}

/** Why a call failed that a ballot makes, where that is known. */
function innerOf(returned: unknown): string | undefined {
  if (typeof returned !== 'string' || returned === '0x') return
  try {
    const { errorName, args = [], abiItem } = decodeErrorResult({ abi: CALLED_ABIS, data: returned as Hex })
    return explain({ name: errorName, args, inputs: abiItem.type === 'error' ? abiItem.inputs : [] })
  } catch {
    return
  }
}

/** Our error for whatever viem threw while doing `what`. */
export function chainError(what: string, error: unknown): CloisterError {
  if (error instanceof CloisterError) return error
  if (error instanceof BaseError) {
    const revert = error.walk((cause) => cause instanceof ContractFunctionRevertedError)
    if (revert instanceof ContractFunctionRevertedError) {
      const decoded = decodeRevert(revert)
      return new CloisterError('reverted', `The contract refuses ${what}: ${explain(decoded)}`, {
        details: { error: decoded.name },
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
