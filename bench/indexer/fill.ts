import { MARKET_ABI, registerWorker, signBid } from '@cloister/chain'
import { type Bid, leaseIdOf } from '@cloister/core'
import { coverWorker, type DevelopmentChain } from '@cloister/development/chain'
import { encodeFunctionData, erc20Abi, type Hex, maxUint256, parseAbi, zeroHash } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'

const BATCH = 200
const NO_PERMIT = { value: 0n, deadline: 0n, v: 0, r: zeroHash, s: zeroHash }

/** Opens leases and closes every other one, in batches of transactions. Returns how many blocks there are. */
export async function fillChain(
  chain: DevelopmentChain,
  leases: number,
  tell: (done: number) => void,
): Promise<number> {
  const tenant = chain.wallet(4)
  const governance = chain.wallet(0)
  const { network } = chain
  const { market } = network.contracts
  const usdc = network.tokens.find(({ symbol }) => symbol === 'USDC')?.address ?? market
  const key = privateKeyToAccount(generatePrivateKey())
  await registerWorker(chain.wallet(1), key, {
    cpuMilli: 1000,
    memoryMiB: 1024,
    diskMiB: 1024,
    gpus: 0,
    gpuClass: '',
    endpoint: 'http://127.0.0.1:1',
  })
  await coverWorker(chain.wallet(1), await chain.root.manufacture(), key)
  await governance.wallet.writeContract({
    address: usdc,
    abi: parseAbi(['function mint(address,uint256)']),
    functionName: 'mint',
    args: [tenant.account.address, 10n ** 15n],
  })
  const approved = await tenant.wallet.writeContract({
    address: usdc,
    abi: erc20Abi,
    functionName: 'approve',
    args: [market, maxUint256],
  })
  await tenant.client.waitForTransactionReceipt({ hash: approved })
  const rpc = (method: string, ...params: unknown[]) => tenant.client.request({ method, params } as never)
  await rpc('anvil_impersonateAccount', tenant.account.address)
  const send = async (calls: Hex[]) => {
    // One after another: anvil gives nonces itself, and takes longer over many at once.
    for (const data of calls)
      await rpc('eth_sendTransaction', { from: tenant.account.address, to: market, data, gas: '0x493e0' })
  }
  await rpc('evm_setAutomine', false)
  const expiry = Number((await tenant.client.getBlock()).timestamp) + 3_000
  let salt = 0n
  for (let done = 0; done < leases; done += BATCH) {
    tell(done)
    const ids: Hex[] = []
    const calls: Hex[] = []
    for (let i = 0; i < Math.min(BATCH, leases - done); i++) {
      const bid: Bid = {
        tenant: tenant.account.address,
        worker: key.address,
        token: usdc,
        ratePerSecond: 1n,
        minimumDeposit: 0n,
        expiry,
        room: 0n,
        noticeMinutes: 0,
        manifestHash: zeroHash,
        order: zeroHash,
        salt: salt++,
      }
      const { signature } = await signBid(network, key, bid)
      ids.push(leaseIdOf(bid, network.chainId, market))
      calls.push(
        encodeFunctionData({
          abi: MARKET_ABI,
          functionName: 'open',
          args: [bid, signature, 1_000n, zeroHash, NO_PERMIT],
        }),
      )
    }
    await send(calls)
    await rpc('evm_mine')
    const closed = ids.filter((_, i) => i % 2 === 0)
    await send(
      closed.map((id) =>
        encodeFunctionData({ abi: MARKET_ABI, functionName: 'close', args: [id, tenant.account.address] }),
      ),
    )
    await rpc('evm_mine')
  }
  await rpc('evm_setAutomine', true)
  return Number(await tenant.client.getBlockNumber())
}
