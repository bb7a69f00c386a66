import { getPosition, getTokenBalance } from '@cloister/chain'
import { DEVELOPMENT_ROLES } from '@cloister/development/accounts'
import { type DevelopmentChain, startDevelopmentChain } from '@cloister/development/chain'
import { parseAbi } from 'viem'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { fundTenants } from './contracts.ts'
import { backPool, WORKERS } from './workers.ts'

let chain: DevelopmentChain

beforeAll(async () => {
  chain = await startDevelopmentChain()
})
afterAll(() => chain?.stop())

test('what a start that was cut short did not give, the next one gives, and nothing twice', async () => {
  const { network } = chain
  const [first = 0, second = 0] = DEVELOPMENT_ROLES.tenants
  const holds = (index: number) =>
    Promise.all(
      network.tokens.map(({ address, decimals }) =>
        getTokenBalance(chain.wallet(0), address, chain.wallet(index).account.address).then(
          (units) => units / 10n ** BigInt(decimals),
        ),
      ),
    )
  // As far as the start before came.
  const { wallet, client } = chain.wallet(0)
  const usdc = network.tokens.find(({ symbol }) => symbol === 'USDC')?.address ?? '0x'
  const args = [chain.wallet(first).account.address, 7_000_000n] as const
  const hash = await wallet.writeContract({
    address: usdc,
    abi: parseAbi(['function mint(address to, uint256 amount)']),
    functionName: 'mint',
    args,
  })
  await client.waitForTransactionReceipt({ hash })
  for (const _ of ['the next start', 'and the one after']) {
    await fundTenants(network)
    expect(await holds(first)).toEqual([1_000n, 7n])
    expect(await holds(second)).toEqual([1_000n, 1_000n])
    for (const index of [0, 1, 2] as const) {
      await backPool(network, index)
      const provider = chain.wallet(DEVELOPMENT_ROLES.providers[index]).account.address
      expect((await getPosition(chain.wallet(0), provider, provider)).worth).toBe(
        WORKERS[index].stake * 10n ** 18n,
      )
    }
  }
})
