import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connectSide, layer2Genesis, outputAt, PREDEPLOYS } from '@cloister/development/op-stack'
import { type Hex, keccak256, toHex } from 'viem'
import { getBalance, getCode, getTransactionReceipt } from 'viem/actions'
import { serializeTransaction } from 'viem/op-stack'
import { expect, test, vi } from 'vitest'
import { JournaledChain } from './chain.ts'
import { takeDeposit } from './deposits.ts'
import { ChainDoor } from './door.ts'
import { LAYER2 } from './kind.ts'

const FROM = '0x1111111111111111111111111111111111111111'
const TO = '0x2222222222222222222222222222222222222222'

/** A deposit as it comes from layer 1, the `index`th of its sender. */
function depositOf(index: number): Hex {
  return serializeTransaction({
    type: 'deposit',
    sourceHash: keccak256(toHex(index)),
    from: FROM,
    to: TO,
    mint: 1_000n,
    value: 600n,
    gas: 100_000n,
    isSystemTx: false,
  })
}

test('a layer 2 takes deposits from layer 1 alone, and has them again after its engine died', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'cloister-layer2-'))
  const kind = { ...LAYER2, genesis: (time: number) => layer2Genesis(LAYER2.chainId, time) }
  const pace = { heartbeatMs: 1e9, engineBlocks: 8, depth: 4, headStart: 12 }
  const chain = await JournaledChain.open({ folder, kind, pace, warn: () => {} })
  const door = new ChainDoor(chain)
  const layer2 = connectSide(`http://127.0.0.1:${await door.listen(0)}`, LAYER2.chainId, 50)
  try {
    expect(await getCode(layer2, { address: PREDEPLOYS.L2ToL1MessagePasser })).toMatch(/^0x60/)
    const forged = layer2.request({ method: 'eth_sendRawTransaction', params: [depositOf(0)] })
    await expect(forged).rejects.toThrow('deposits are made on layer 1')
    // Two of one sender, one of which waits for a block already; and one that is there.
    await chain.send(depositOf(1))
    await takeDeposit(chain, depositOf(2))
    await takeDeposit(chain, depositOf(1))
    const hashes = [1, 2].map((index) => keccak256(depositOf(index)))
    const balances = async () => ({
      from: await getBalance(layer2, { address: FROM }),
      to: await getBalance(layer2, { address: TO }),
    })
    expect(await balances()).toEqual({ from: 800n, to: 1_200n })
    for (const hash of hashes)
      expect(await getTransactionReceipt(layer2, { hash })).toMatchObject({ status: 'success', type: '0x7E' })
    // Further than engines come from their beginning: the next one begins from a snapshot.
    for (let block = 0; block < 16; block++) await chain.mine()
    await takeDeposit(chain, depositOf(3))
    const output = await outputAt(layer2)
    const pid = chain.enginePid ?? 0
    process.kill(pid, 'SIGKILL')
    await vi.waitUntil(() => chain.enginePid !== pid, { timeout: 20_000 })
    expect(await balances()).toEqual({ from: 1_200n, to: 1_800n })
    expect(await outputAt(layer2, output.blockNumber)).toEqual(output)
  } finally {
    await door.close()
    await chain.stop()
    await rm(folder, { recursive: true })
  }
})
