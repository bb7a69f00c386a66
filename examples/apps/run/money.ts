import { type Chain, connectChain } from '@cloister/chain'
import { loadNetwork } from '@cloister/chain/node'
import type { Hex } from 'viem'
import type { CommandLine } from './command-line.ts'

/** What `cloister deploy` says of a lease. */
interface Deployed {
  lease: Hex
  transaction: Hex
  ratePerSecond: string
  deposit: string
}

/** Base units of USDC that whoever types the commands has. */
export async function readBalance(line: CommandLine): Promise<bigint> {
  const { balances } = await line.json('wallet', 'balance')
  return BigInt(balances.find(({ symbol }: { symbol: string }) => symbol === 'USDC').balance)
}

/**
 * Closes a lease, and holds its money against the chain's own clock, to the unit: it cost its price for each
 * second between the blocks that opened and closed it, and all else of the deposit is back. `before` is what
 * the account had before the deployment. Returns what the lease cost. Throws where anything else is so.
 */
export async function closeWithMoney(
  deployed: Deployed,
  before: bigint,
  line: CommandLine,
  networkFile: string,
): Promise<bigint> {
  const { spent, refund, transaction } = await line.json('close', deployed.lease)
  const chain = connectChain(loadNetwork(networkFile))
  const seconds = (await timeOf(chain, transaction)) - (await timeOf(chain, deployed.transaction))
  const due = seconds * BigInt(deployed.ratePerSecond)
  if (BigInt(spent) !== due) throw new Error(`${seconds} s cost ${spent} units in place of ${due}`)
  const rest = BigInt(deployed.deposit) - due
  if (BigInt(refund) !== rest) throw new Error(`${refund} units were paid back in place of ${rest}`)
  const gone = before - (await readBalance(line))
  if (gone !== due) throw new Error(`${gone} units have left the account in place of ${due}`)
  return due
}

async function timeOf({ client }: Chain, transaction: Hex): Promise<bigint> {
  const { blockNumber } = await client.getTransactionReceipt({ hash: transaction })
  return (await client.getBlock({ blockNumber })).timestamp
}
