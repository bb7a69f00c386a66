import { CloisterError } from '@cloister/core'
import { type Abi, type Address, getContractAddress, type Hex, keccak256, toHex } from 'viem'
import type { Wallet } from './client.ts'
import { MARKET_ABI, TEST_USDC_ABI, TOKEN_ABI, WORKERS_ABI } from './generated/abis.ts'
import { MARKET_BYTECODE, TEST_USDC_BYTECODE, TOKEN_BYTECODE, WORKERS_BYTECODE } from './generated/bytecode.ts'

/** Addresses of a freshly deployed network. */
export interface Deployment {
  workers: Address
  market: Address
  cloi: Address
  usdc: Address
  /** Block of the first contract. */
  deployedAt: number
}

const FEE_BPS = { cloi: 400n, usdc: 2_000n }
const DEVELOPMENT_SUPPLY = 10_000_000n * 10n ** 18n

/** Deploys a development network from the wallet's account, which takes all roles. All transactions go out at once. */
export async function deployDevelopment(wallet: Wallet, treasury: Address): Promise<Deployment> {
  const { client, account } = wallet
  const owner = account.address
  const nonce = await client.getTransactionCount({ address: owner })
  const addressAt = (offset: number) => getContractAddress({ from: owner, nonce: BigInt(nonce + offset) })
  const [workers, market, cloi, usdc] = [addressAt(0), addressAt(1), addressAt(2), addressAt(3)]
  const minter = keccak256(toHex('MINTER'))
  const deploys = [
    { abi: WORKERS_ABI as Abi, bytecode: WORKERS_BYTECODE, args: [owner] },
    { abi: MARKET_ABI as Abi, bytecode: MARKET_BYTECODE, args: [workers, treasury, owner] },
    { abi: TOKEN_ABI as Abi, bytecode: TOKEN_BYTECODE, args: [owner] },
    { abi: TEST_USDC_ABI as Abi, bytecode: TEST_USDC_BYTECODE, args: [] },
  ]
  const hashes: Hex[] = []
  let next = nonce
  for (const { abi, bytecode, args } of deploys) hashes.push(await wallet.wallet.deployContract({ abi, bytecode, args, nonce: next++, gas: 6_000_000n }))
  const write = { gas: 400_000n, account, chain: null } as const
  hashes.push(
    await wallet.wallet.writeContract({
      ...write,
      address: market,
      abi: MARKET_ABI,
      functionName: 'setToken',
      args: [cloi, true, FEE_BPS.cloi],
      nonce: next++,
    }),
    await wallet.wallet.writeContract({
      ...write,
      address: market,
      abi: MARKET_ABI,
      functionName: 'setToken',
      args: [usdc, true, FEE_BPS.usdc],
      nonce: next++,
    }),
    await wallet.wallet.writeContract({ ...write, address: cloi, abi: TOKEN_ABI, functionName: 'grantRole', args: [minter, owner], nonce: next++ }),
    await wallet.wallet.writeContract({ ...write, address: cloi, abi: TOKEN_ABI, functionName: 'mint', args: [owner, DEVELOPMENT_SUPPLY], nonce: next++ }),
  )
  const receipts = await Promise.all(hashes.map((hash) => client.waitForTransactionReceipt({ hash, timeout: 60_000 })))
  const failed = receipts.find((receipt) => receipt.status !== 'success')
  if (failed) throw new CloisterError('deploy-failed', `The contracts could not be deployed: transaction ${failed.transactionHash} was reverted.`)
  return { workers, market, cloi, usdc, deployedAt: Number(receipts[0]?.blockNumber ?? 0n) }
}
