import { chainError } from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import { type Account, type Address, erc20Abi, type Hex } from 'viem'
import {
  estimateContractGas,
  getBalance,
  getCode,
  readContract,
  simulateContract,
  waitForTransactionReceipt,
  writeContract,
} from 'viem/actions'
import {
  depositTransaction,
  estimateDepositTransactionGas,
  estimateInitiateWithdrawalGas,
  initiateWithdrawal,
} from 'viem/op-stack'
import { BRIDGE_ABI } from './abi.ts'
import { isMintable } from './assets.ts'
import { checkSides, connectSides, LAYER2_BRIDGE, type Side, type Sides } from './sides.ts'
import type { Transfer, TransferJournal, Wanted } from './transfer.ts'

/** Gas for what is done on the other chain: a transfer of ether, to a wallet that may be a contract. */
const ETHER_GAS = 100_000n
/** The same for a token that is created or released there. */
const TOKEN_GAS = 300_000
const WAIT_MS = 600_000

/** An account and what it wants to bring over. */
export interface Starting {
  sides: Sides
  account: Account
  journal: TransferJournal
  /** Told what is waited for. */
  onStep?: (step: 'allow' | 'start') => void
}

/**
 * Begins a deposit: signs, writes down, sends, and returns once layer 1 has taken it. Throws `no-money`, and
 * what the chain refuses it with.
 */
export async function startDeposit(starting: Starting, wanted: Wanted): Promise<Transfer> {
  return start('deposit', starting, wanted)
}

/** Begins a withdrawal, in the same way on layer 2. */
export async function startWithdrawal(starting: Starting, wanted: Wanted): Promise<Transfer> {
  return start('withdrawal', starting, wanted)
}

async function start(kind: Transfer['kind'], starting: Starting, wanted: Wanted): Promise<Transfer> {
  const { account, journal } = starting
  const { network } = starting.sides
  await checkSides(starting.sides)
  await checkReceiver(kind, starting, wanted)
  await checkBalance(kind, starting, wanted)
  if (wanted.asset.token) await allow(kind, starting, wanted)
  starting.onStep?.('start')
  let transfer: Transfer | undefined
  const sides = connectSides(network, (signed) => {
    transfer = { kind, chainId: network.chainId, account: account.address, ...wanted, start: signed }
    journal.write(transfer)
  })
  try {
    const hash = await (wanted.asset.token ? sendToken : kind === 'deposit' ? sendEther : takeEther)(
      kind,
      sides,
      account,
      wanted,
    )
    await waitForTransactionReceipt(from(kind, sides), { hash, timeout: WAIT_MS })
  } catch (error) {
    throw chainError(kind, error)
  }
  if (!transfer) throw new CloisterError('internal', `The ${kind} was sent without being written down.`)
  return transfer
}

function from(kind: Transfer['kind'], { layer1, layer2 }: Sides): Side {
  return kind === 'deposit' ? layer1 : layer2
}

/** What is sent to a contract that takes no ether is lost; what has code but belongs to a key isn't one. */
async function checkReceiver(kind: Transfer['kind'], { sides, account }: Starting, { asset, to }: Wanted) {
  if (asset.token) return
  const code = (await getCode(kind === 'deposit' ? sides.layer2 : sides.layer1, { address: to })) ?? '0x'
  if (code === '0x' || code.startsWith('0xef0100')) return
  throw new CloisterError(
    'bad-address',
    `${to} is a contract on the other chain, and ether that it doesn’t take would be lost.`,
    { hint: `Bring it to ${account.address}, and send it on from there.` },
  )
}

async function checkBalance(kind: Transfer['kind'], { sides, account }: Starting, { asset, amount }: Wanted) {
  const side = from(kind, sides)
  const { address } = account
  const has = asset.token
    ? await readContract(side, {
        address: localOf(kind, asset.token),
        abi: erc20Abi,
        functionName: 'balanceOf',
        args: [address],
      })
    : await getBalance(side, { address })
  if (has >= amount) return
  throw new CloisterError(
    'no-money',
    `${address} has less ${asset.symbol} on ${side.chain.name} than that.`,
    {
      details: { has: has.toString(), wanted: amount.toString() },
    },
  )
}

function localOf(kind: Transfer['kind'], token: { layer1: Address; layer2: Address }): Address {
  return kind === 'deposit' ? token.layer1 : token.layer2
}

function bridgeOf(kind: Transfer['kind'], { below }: Sides): Address {
  return kind === 'deposit' ? below.contracts.standardBridge : LAYER2_BRIDGE
}

/** Lets the bridge take exactly the amount, where it has to be let and isn't yet. */
async function allow(
  kind: Transfer['kind'],
  { sides, account, onStep }: Starting,
  { asset, amount }: Wanted,
) {
  if (!asset.token) return
  const side = from(kind, sides)
  const bridge = bridgeOf(kind, sides)
  const token = { address: localOf(kind, asset.token), abi: erc20Abi } as const
  if (await isMintable(side, token.address, bridge)) return
  const args = [account.address, bridge] as const
  if ((await readContract(side, { ...token, functionName: 'allowance', args })) >= amount) return
  onStep?.('allow')
  const approve = { ...token, functionName: 'approve', args: [bridge, amount] } as const
  try {
    const { request } = await simulateContract(side, { ...approve, account })
    const hash = await writeContract(side, request as never)
    const { status } = await waitForTransactionReceipt(side, { hash, timeout: WAIT_MS })
    if (status !== 'success') throw new CloisterError('reverted', `The allowance was refused: ${hash}.`)
  } catch (error) {
    throw chainError('allowance', error)
  }
}

/** The portal burns gas by the price of layer 2's room, which moves from block to block. */
function withSpare(gas: bigint): bigint {
  return (gas * 3n) / 2n
}

async function sendEther(
  _: Transfer['kind'],
  sides: Sides,
  account: Account,
  { to, amount }: Wanted,
): Promise<Hex> {
  const request = { gas: ETHER_GAS, mint: amount, to }
  // viem's types want a chain that is known when this is compiled.
  const args = { account, request, targetChain: sides.targetChain } as never
  const gas = withSpare(await estimateDepositTransactionGas(sides.layer1, args))
  return depositTransaction(sides.layer1, { ...(args as object), gas } as never)
}

async function takeEther(_: Transfer['kind'], { layer2 }: Sides, account: Account, { to, amount }: Wanted) {
  const args = { account, request: { gas: ETHER_GAS, to, value: amount } } as never
  const gas = withSpare(await estimateInitiateWithdrawalGas(layer2, args))
  return initiateWithdrawal(layer2, { ...(args as object), gas } as never)
}

async function sendToken(
  kind: Transfer['kind'],
  sides: Sides,
  account: Account,
  { asset, to, amount }: Wanted,
) {
  if (!asset.token) throw new CloisterError('internal', 'Ether is no token.')
  const { layer1, layer2 } = asset.token
  const [local, remote] = kind === 'deposit' ? [layer1, layer2] : [layer2, layer1]
  const side = from(kind, sides)
  const { request } = await simulateContract(side, {
    address: bridgeOf(kind, sides),
    abi: BRIDGE_ABI,
    functionName: 'bridgeERC20To',
    args: [local, remote, to, amount, TOKEN_GAS, '0x'],
    account,
  })
  const gas = withSpare(await estimateContractGas(side, request as never))
  return writeContract(side, { ...request, gas } as never)
}
