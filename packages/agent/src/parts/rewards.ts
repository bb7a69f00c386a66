import { claimRewards, costOf, getClaimable, readFeePrices, TRANSACTIONS, type Wallet } from '@cloister/chain'
import { formatAmount, loop, messageOf } from '@cloister/core'
import type { Address } from 'viem'
import type { AgentConfig } from '../config.ts'
import type { Log } from '../log.ts'
import type { Sequence } from '../sequence.ts'
import type { MakePart } from './part.ts'

const LOOK_MS = 3_600_000
/** A claim of a day, with the most gas it takes (see the contracts' gas snapshot, with some to spare). */
const CLAIM = { ...TRANSACTIONS.claimReward, gas: 180_000n }

interface Parts {
  wallet: Wallet
  provider: Address
  config: AgentConfig['rewards']
  sequence: Pick<Sequence, 'run'>
  log: Log
}

/**
 * Claims what the provider's pool earned for the provider, whenever it pays. The tokens go to the provider.
 */
export const rewardsPart: MakePart = ({ machine }) => ({
  name: 'rewards',
  start: (signal) =>
    loop(signal, async () => {
      await claimIfItPays({ ...machine, config: machine.config.rewards }).catch((error) =>
        machine.log('warn', 'rewards could not be claimed and will be later', { error: messageOf(error) }),
      )
      return LOOK_MS
    }),
})

/**
 * Claims the provider's rewards if they are worth `timesGas` times what that costs, data on layer 1 included,
 * at `cloiPerEther`. Returns the amount in base units of CLOI, 0 if nothing was claimed.
 */
export async function claimIfItPays({ wallet, provider, config, sequence, log }: Parts): Promise<bigint> {
  if (!config.claim) return 0n
  const [amount, prices] = await Promise.all([
    getClaimable(wallet, provider, provider),
    readFeePrices(wallet),
  ])
  // Wei times CLOI an ether, in base units of CLOI: both have 18 decimals.
  const { total } = costOf(prices, CLAIM)
  const cost = (total * BigInt(Math.round(config.cloiPerEther * 1_000_000))) / 1_000_000n
  if (amount === 0n || amount < cost * BigInt(config.timesGas)) return 0n
  const claimed = await sequence.run(() => claimRewards(wallet, [{ provider, account: provider }]))
  log('info', 'rewards claimed for the provider', {
    CLOI: formatAmount(claimed, 18),
    gasEther: formatAmount(total, 18),
  })
  return claimed
}
