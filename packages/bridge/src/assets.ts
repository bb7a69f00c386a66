import { CloisterError } from '@cloister/core'
import { type Address, getAddress, isAddress, isAddressEqual, parseEventLogs } from 'viem'
import { getLogs, readContract } from 'viem/actions'
import { MINTABLE_ABI, MINTABLE_ID } from './abi.ts'
import { LAYER2_FACTORY, type Side, type Sides } from './sides.ts'
import type { Asset } from './transfer.ts'

export const ETHER: Asset = { symbol: 'ETH', decimals: 18 }

/**
 * What a symbol or an address means: ether, a token of the network's description, or a token of layer 1 that
 * the bridge's factory made a form of on layer 2 (either's address). A token that merely says it is another's
 * form isn't taken for one. Throws `unknown-token`, naming what there is.
 */
export async function findAsset(sides: Sides, wanted: string): Promise<Asset> {
  const { tokens } = sides.below
  if (/^eth(er)?$/i.test(wanted)) return ETHER
  const known = tokens.find(
    ({ symbol, address, layer2 }) =>
      symbol === wanted.toUpperCase() ||
      (isAddress(wanted, { strict: false }) &&
        [address, layer2].some((one) => isAddressEqual(one, getAddress(wanted)))),
  )
  if (known)
    return {
      symbol: known.symbol,
      decimals: known.decimals,
      token: { layer1: known.address, layer2: known.layer2 },
    }
  if (isAddress(wanted, { strict: false })) return formOf(sides, getAddress(wanted))
  throw new CloisterError('unknown-token', `${wanted.slice(0, 60)} is nothing that can be bridged.`, {
    hint: `Name ${['ETH', ...tokens.map(({ symbol }) => symbol)].join(', ')}, or a token by its address.`,
  })
}

/** By what the factory on layer 2 says that it made. */
async function formOf({ layer1, layer2, below }: Sides, wanted: Address): Promise<Asset> {
  const made = async (args: { localToken: Address } | { remoteToken: Address }) =>
    parseEventLogs({
      abi: MINTABLE_ABI,
      eventName: 'OptimismMintableERC20Created',
      logs: await getLogs(layer2, {
        address: LAYER2_FACTORY,
        event: MINTABLE_ABI[4],
        args,
        fromBlock: 0n,
        toBlock: 'latest',
      }),
    }).map(({ args: { localToken, remoteToken } }) => ({ layer1: remoteToken, layer2: localToken }))
  const [ofLayer2, ofLayer1] = await Promise.all([
    made({ localToken: wanted }),
    made({ remoteToken: wanted }),
  ])
  const found = ofLayer2.length > 0 ? ofLayer2 : ofLayer1
  const [token, ...others] = found
  if (!token)
    throw new CloisterError(
      'unknown-token',
      `${wanted} has no form on the other chain that the bridge made.`,
      {
        hint: `Anybody can have one made of a token of ${below.name}: createOptimismMintableERC20 of ${LAYER2_FACTORY} on layer 2.`,
      },
    )
  if (others.length > 0)
    throw new CloisterError('unknown-token', `${wanted} has several forms on layer 2.`, {
      hint: `Name one by its address there: ${found.map(({ layer2: form }) => form).join(', ')}.`,
    })
  const of = { address: token.layer1, abi: MINTABLE_ABI } as const
  const [symbol, decimals, own] = await Promise.all([
    readContract(layer1, { ...of, functionName: 'symbol' }),
    readContract(layer1, { ...of, functionName: 'decimals' }),
    readContract(layer2, { ...of, address: token.layer2, functionName: 'decimals' }),
  ])
  if (own !== decimals)
    throw new CloisterError(
      'unknown-token',
      `${token.layer2} counts ${own} decimals and ${token.layer1}, which it stands for, ${decimals}.`,
      { hint: 'Amounts would look other than they are. Choose another form of it.' },
    )
  // A token may call itself anything; what goes to a terminal is held to printable characters.
  return { symbol: symbol.replace(/[^\x21-\x7e]/g, '').slice(0, 32) || 'token', decimals, token }
}

/** Whether a bridge creates and destroys a token, so that it needs no allowance for it. */
export async function isMintable(side: Side, token: Address, bridge: Address): Promise<boolean> {
  const of = { address: token, abi: MINTABLE_ABI } as const
  try {
    const [supports, own] = await Promise.all([
      readContract(side, { ...of, functionName: 'supportsInterface', args: [MINTABLE_ID] }),
      readContract(side, { ...of, functionName: 'bridge' }),
    ])
    return supports && isAddressEqual(own, bridge)
  } catch {
    return false
  }
}
