import { CloisterError } from '@cloister/core'
import { type Address, erc20Abi, type Hex } from 'viem'
import type { Chain, Wallet } from '../../client.ts'
import { chainError } from '../../errors/chain-error.ts'
import { EMISSION_ABI, MARKET_ABI, SPLITTER_ABI } from '../../generated/abis.ts'
import { send } from '../send.ts'
import { grantsContract } from './grants.ts'

/** What the community pool has of a token and had, in base units. */
export interface PoolToken {
  symbol: string
  token: Address
  /** What nobody was granted. */
  free: bigint
  /** Set aside for grants, and not paid yet. */
  reserved: bigint
  /** Ever granted: `granted = paid + returned + reserved`. */
  granted: bigint
  /** Ever paid to grantees. */
  paid: bigint
  /** Ever given back of what was granted. */
  returned: bigint
  /** The pool's share of fees and emission, ever. */
  income: bigint
  /** Fees that nobody collected, and what nobody passed on yet: the treasury's and the pool's. */
  waiting: bigint
}

/** The community pool: money for grants, which a ballot can also take back to the treasury. */
export interface CommunityPool {
  /** Its share of fees and of the treasury's part of emission, in basis points. */
  shareBps: number
  /** Every token of the network. */
  tokens: PoolToken[]
}

/** What the community pool has, all of it from one block. Throws `not-found`, `chain-unreachable`. */
export async function getCommunityPool(chain: Chain): Promise<CommunityPool> {
  const { client, network } = chain
  const [grants, splitter] = [grantsContract(chain), splitterContract(chain)]
  try {
    const { number: blockNumber } = await client.getBlock()
    const tokens = network.tokens.map(async ({ symbol, address: token }): Promise<PoolToken> => {
      const [free, book, passed, fees, held] = await Promise.all([
        client.readContract({ ...grants, functionName: 'free', args: [token], blockNumber }),
        client.readContract({ ...grants, functionName: 'bookOf', args: [token], blockNumber }),
        client.readContract({ ...splitter, functionName: 'passedOf', args: [token], blockNumber }),
        Promise.all(
          tills(chain).map((till) =>
            client.readContract({ ...till, functionName: 'fees', args: [token], blockNumber }),
          ),
        ),
        balanceOf(chain, token, splitter.address, blockNumber),
      ])
      return {
        symbol,
        token,
        free,
        ...book,
        income: passed.toPool,
        waiting: fees.reduce((sum, of) => sum + of, held),
      }
    })
    const share = client.readContract({ ...splitter, functionName: 'shareBps', blockNumber })
    return { shareBps: Number(await share), tokens: await Promise.all(tokens) }
  } catch (error) {
    throw chainError('reading the community pool', error)
  }
}

/**
 * Collects the fees in a token, of CLOI the treasury's part of emission too, and has them divided between
 * treasury and community pool. Anybody may. Returns a transaction for each step that had something to do.
 * Throws `not-found`, `reverted`, `chain-unreachable`.
 */
export async function collectIncome(wallet: Wallet, token: Address): Promise<Hex[]> {
  const { client, network } = wallet
  const splitter = splitterContract(wallet)
  const transactions: Hex[] = []
  const sent = async (call: Parameters<typeof send>[1]) => {
    transactions.push((await send(wallet, call)).transactionHash)
  }
  const args = [token] as const
  for (const till of tills(wallet))
    if ((await client.readContract({ ...till, functionName: 'fees', args })) > 0n)
      await sent({ ...till, functionName: 'collect', args })
  if (token === network.tokens.find(({ symbol }) => symbol === 'CLOI')?.address) {
    const { timestamp } = await client.getBlock()
    if (Number(timestamp) > network.emissionStart)
      await sent({
        address: network.contracts.emission,
        abi: EMISSION_ABI,
        functionName: 'collect',
        args: [MOST_EPOCHS],
      })
  }
  if ((await balanceOf(wallet, token, splitter.address)) > 0n)
    await sent({ ...splitter, functionName: 'split', args })
  return transactions
}

/** Hours whose unearned GPU budgets one transaction goes through. */
const MOST_EPOCHS = 512n

/** The contracts that take fees for the splitter. They have the same functions for that. */
function tills({ network: { contracts } }: Pick<Chain, 'network'>) {
  return [contracts.market, ...(contracts.vouchers ? [contracts.vouchers] : [])].map(
    (address) => ({ address, abi: MARKET_ABI }) as const,
  )
}

function balanceOf({ client }: Chain, token: Address, of: Address, blockNumber?: bigint): Promise<bigint> {
  const call = { address: token, abi: erc20Abi, functionName: 'balanceOf', args: [of] } as const
  return client.readContract({ ...call, ...(blockNumber !== undefined && { blockNumber }) })
}

function splitterContract({ network: { name, contracts } }: Chain) {
  if (contracts.splitter) return { address: contracts.splitter, abi: SPLITTER_ABI } as const
  throw new CloisterError('not-found', `The network ${name} has no community pool with an income.`, {
    hint: 'Its description names what divides fees under contracts.splitter; see docs/governance.md.',
  })
}
