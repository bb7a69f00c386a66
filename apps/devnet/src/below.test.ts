import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Network } from '@cloister/chain'
import { loadNetwork } from '@cloister/chain/node'
import { developmentAccount } from '@cloister/development/accounts'
import { connectSide, LAYER1_CHAIN_ID, portalOf } from '@cloister/development/op-stack'
import { parseEther } from 'viem'
import { getBalance, waitForTransactionReceipt } from 'viem/actions'
import {
  buildProveWithdrawal,
  chainConfig,
  depositTransaction,
  finalizeWithdrawal,
  getGame,
  getWithdrawals,
  initiateWithdrawal,
  proveWithdrawal,
} from 'viem/op-stack'
import { expect, test, vi } from 'vitest'
import { ensureLayer1 } from './below.ts'
import { Daemon } from './daemon.ts'
import { chainDaemons } from './daemons.ts'
import { loadSettings } from './settings.ts'

const CHAIN = { name: 'embedded', chainId: 31337, pollingIntervalMs: 100, development: true }
const RECEIVER = '0x3333333333333333333333333333333333333333'
const WAIT = { timeout: 60_000, interval: 200 }

/** The description of a network whose own contracts aren't asked for. */
function networkOn(port: number): Network {
  const tokens = [{ symbol: 'CLOI', decimals: 18, address: RECEIVER }]
  return { ...CHAIN, rpcUrl: `http://127.0.0.1:${port}`, tokens } as unknown as Network
}

/** Nothing is sent to a chain any more once so many transactions were. */
function dieAfter(sent: number): void {
  const { fetch } = globalThis
  let left = sent
  vi.spyOn(globalThis, 'fetch').mockImplementation(async (url, init) => {
    if (String(init?.body).includes('eth_sendRawTransaction') && left-- <= 0) throw new Error('killed')
    return fetch(url, init)
  })
}

test('a network begun as a layer 2 takes deposits by itself, and has withdrawals proved, also by daemons that died', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'cloister-below-'))
  const settings = await loadSettings(folder, async () => true, { freePorts: true, layer2: true })
  const daemons = chainDaemons(settings).map((daemon) => new Daemon(daemon, () => {}))
  try {
    await Promise.all(daemons.map((daemon) => daemon.start()))
    // One start dies while layer 1 gets its contracts, another while those of layer 2 are told of them.
    for (const sent of [12, 27]) {
      dieAfter(sent)
      await expect(ensureLayer1(settings, networkOn(settings.ports.chain))).rejects.toThrow('killed')
      vi.restoreAllMocks()
    }
    const network = await ensureLayer1(settings, networkOn(settings.ports.chain))
    expect(await ensureLayer1(settings, network)).toBe(network)
    expect(network.layer1?.contracts.portal).toBe(portalOf(developmentAccount(CHAIN, 0).address))
    expect(readdirSync(join(folder, 'layer1')).filter((name) => name.startsWith('joining'))).toEqual([])
    expect(() => loadNetwork(join(folder, 'network.json'))).not.toThrow('layer1')
    await expect(loadSettings(folder, async () => true, { layer2: true })).resolves.toEqual(settings)

    const layer1 = connectSide(network.layer1?.rpcUrl ?? '', LAYER1_CHAIN_ID, CHAIN.pollingIntervalMs)
    const layer2 = connectSide(network.rpcUrl, CHAIN.chainId, CHAIN.pollingIntervalMs)
    const { portal, disputeGameFactory } = network.layer1?.contracts ?? {}
    const targetChain = {
      ...layer2.chain,
      contracts: {
        ...chainConfig.contracts,
        portal: { [LAYER1_CHAIN_ID]: { address: portal } },
        disputeGameFactory: { [LAYER1_CHAIN_ID]: { address: disputeGameFactory } },
      },
    }
    const account = developmentAccount(CHAIN, 5)
    const amount = parseEther('0.5')
    // viem's types want chains that are known when this is compiled.
    const common = { account, targetChain } as never as { account: typeof account; targetChain: never }
    await depositTransaction(layer1, {
      ...common,
      request: { gas: 100_000n, mint: amount, value: amount, to: RECEIVER },
    } as never)
    const request = { gas: 100_000n, to: RECEIVER, value: amount } as const
    const begun = await initiateWithdrawal(layer2, { account, request } as never)
    const receipt = await waitForTransactionReceipt(layer2, { hash: begun })
    // Their daemons start other engines, which have all that was taken.
    for (const { pid } of daemons) process.kill(pid ?? 0, 'SIGKILL')
    await expect.poll(() => getBalance(layer2, { address: RECEIVER }).catch(() => 0n), WAIT).toBe(amount)

    const of = { limit: 10, l2BlockNumber: receipt.blockNumber, targetChain }
    const game = await vi.waitFor(() => getGame(layer1, of as never), WAIT)
    const [withdrawal] = getWithdrawals(receipt)
    const built = await buildProveWithdrawal(layer2, { ...common, game, withdrawal } as never)
    // A proof counts in a later block than the output's.
    await ask('evm_mine')
    const proof = await proveWithdrawal(layer1, { ...built, ...common } as never)
    await waitForTransactionReceipt(layer1, { hash: proof })
    await ask('evm_increaseTime', 61)
    await ask('evm_mine')
    const end = await finalizeWithdrawal(layer1, { ...common, withdrawal } as never)
    await waitForTransactionReceipt(layer1, { hash: end })
    expect(await getBalance(layer1, { address: RECEIVER })).toBe(amount)

    function ask(method: string, ...params: unknown[]) {
      return layer1.request({ method, params } as never)
    }
  } finally {
    await Promise.all(daemons.map((daemon) => daemon.stop()))
    rmSync(folder, { recursive: true })
  }
})
