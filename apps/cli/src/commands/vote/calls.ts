import { type BallotCall, findToken, type Network } from '@cloister/chain'
import { CloisterError, parseAmount } from '@cloister/core'
import { type Address, encodeFunctionData, erc20Abi, getAddress, isAddress, parseAbiItem } from 'viem'
import * as z from 'zod'
import { readInput } from '../migrate/input.ts'

const Calls = z
  .array(
    z.strictObject({
      to: z.string(),
      /** As in Solidity: `setNoticePeriod(uint256 seconds)`. */
      function: z.string().optional(),
      args: z.array(z.unknown()).default([]),
      data: z
        .string()
        .regex(/^0x([0-9a-f]{2})*$/i)
        .optional(),
      /** Wei. */
      value: z.coerce.bigint().min(0n).default(0n),
      announced: z.boolean().default(false),
    }),
  )
  .max(32)

/** Calls of a file, by functions' names or as bytes. Throws `no-file`, `bad-file`. */
export function readCalls(path: string, network: Network): BallotCall[] {
  const wrong = (why: string, cause?: unknown) =>
    new CloisterError('bad-file', `${path} has no calls: ${why}.`, {
      hint: '[{"to": "market", "function": "setNoticePeriod(uint256)", "args": ["3600"], "announced": true}]',
      cause,
    })
  let parsed: z.infer<typeof Calls>
  try {
    parsed = Calls.parse(JSON.parse(readInput(path)))
  } catch (error) {
    if (error instanceof CloisterError) throw error
    throw wrong('it is not JSON of their form', error)
  }
  return parsed.map((call) => {
    const target = targetOf(call.to, network)
    if (!target) throw wrong(`${call.to.slice(0, 60)} is neither an address nor a contract of the network`)
    if ((call.function === undefined) === (call.data === undefined))
      throw wrong('each has either a function or data')
    try {
      const item = call.function === undefined ? undefined : parseAbiItem(`function ${call.function}`)
      const data = item ? encodeFunctionData({ abi: [item], args: call.args } as never) : call.data
      // The pattern above says that it is hexadecimal digits.
      return { target, value: call.value, data: data as BallotCall['data'], announced: call.announced }
    } catch (error) {
      throw wrong(`${call.function ?? ''} can not be written with what is given`, error)
    }
  })
}

function targetOf(to: string, { contracts, tokens }: Network): Address | undefined {
  if (isAddress(to)) return getAddress(to)
  const token = tokens.find(({ symbol }) => symbol === to)
  return token?.address ?? new Map<string, Address | undefined>(Object.entries(contracts)).get(to)
}

/** Pays somebody out of the treasury. Throws `bad-option`, `bad-amount`, `unknown-token`. */
export function payment(
  network: Network,
  to: string,
  amount: string | undefined,
  symbol = 'CLOI',
): BallotCall {
  if (!isAddress(to) || amount === undefined)
    throw new CloisterError('bad-option', 'A payment needs --pay ADDRESS and --amount.')
  const token = findToken(network, symbol)
  const args = [getAddress(to), parseAmount(amount, token.decimals)] as const
  const data = encodeFunctionData({ abi: erc20Abi, functionName: 'transfer', args })
  return { target: token.address, value: 0n, data, announced: false }
}
