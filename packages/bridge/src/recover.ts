import { CloisterError } from '@cloister/core'
import { getAddress, type Hex, isAddressEqual, parseEventLogs, type TransactionReceipt } from 'viem'
import { opaqueDataToDepositData } from 'viem/op-stack'
import { BRIDGE_ABI, PORTAL_ABI } from './abi.ts'
import { ETHER, findAsset } from './assets.ts'
import { receiptOf } from './sent.ts'
import { LAYER2_BRIDGE, type Sides, unreached } from './sides.ts'
import type { Transfer, Wanted } from './transfer.ts'
import { withdrawalIn } from './withdrawal.ts'

/**
 * Finds a transfer again by the hash of the transaction that began it, on either chain, whoever made it and
 * wherever. Throws `not-found` and `chain-unreachable`.
 */
export async function recoverTransfer(sides: Sides, hash: Hex): Promise<Transfer> {
  const { layer1, layer2, network, below } = sides
  const asked = Promise.all([receiptOf(layer2, hash), receiptOf(layer1, hash)])
  const [above, beneath] = await asked.catch((error) => {
    throw unreached(error) ?? error
  })
  const receipt = above ?? beneath
  if (!receipt)
    throw new CloisterError('not-found', `Neither chain has a transaction ${hash}.`, {
      hint: 'It is the transaction that began the deposit or withdrawal. Layer 1 may be a few blocks behind.',
    })
  const found = above ? await withdrawn(sides, above) : await deposited(sides, receipt)
  if (!found)
    throw new CloisterError('not-found', `${hash} brings neither ether nor tokens to the other chain.`, {
      hint: `It has to be a transaction of ${network.name} or ${below.name} that begins a withdrawal or a deposit.`,
    })
  const kind = above ? 'withdrawal' : 'deposit'
  return { kind, chainId: network.chainId, account: getAddress(receipt.from), ...found, start: { hash } }
}

async function withdrawn(sides: Sides, receipt: TransactionReceipt): Promise<Wanted | undefined> {
  const { value, target } = withdrawalIn(receipt)
  const token = await bridged(sides, receipt, LAYER2_BRIDGE, 'layer2')
  if (token) return token
  return value > 0n ? { asset: ETHER, amount: value, to: target } : undefined
}

async function deposited(sides: Sides, receipt: TransactionReceipt): Promise<Wanted | undefined> {
  const { portal, standardBridge } = sides.below.contracts
  const token = await bridged(sides, receipt, standardBridge, 'layer1')
  if (token) return token
  const logs = receipt.logs.filter(({ address }) => isAddressEqual(address, portal))
  const [deposit] = parseEventLogs({ abi: PORTAL_ABI, eventName: 'TransactionDeposited', logs })
  if (!deposit) return undefined
  const { mint = 0n } = opaqueDataToDepositData(deposit.args.opaqueData)
  return mint > 0n ? { asset: ETHER, amount: mint, to: deposit.args.to } : undefined
}

/** By the bridge's own event; that of any other contract means nothing. */
async function bridged(sides: Sides, receipt: TransactionReceipt, bridge: Hex, side: 'layer1' | 'layer2') {
  const logs = receipt.logs.filter(({ address }) => isAddressEqual(address, bridge))
  const [event] = parseEventLogs({ abi: BRIDGE_ABI, eventName: 'ERC20BridgeInitiated', logs })
  if (!event) return undefined
  const { localToken, remoteToken, amount, to } = event.args
  const asset = await findAsset(sides, side === 'layer2' ? localToken : remoteToken)
  return { asset, amount, to }
}
