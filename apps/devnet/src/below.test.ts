import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  connectSides,
  ETHER,
  followTransfer,
  isWaiting,
  startDeposit,
  startWithdrawal,
  type Transfer,
  type TransferJournal,
} from '@cloister/bridge'
import { loadNetwork } from '@cloister/chain/node'
import { developmentAccount } from '@cloister/development/accounts'
import { type Hex, parseEther } from 'viem'
import { getBalance } from 'viem/actions'
import { expect, test } from 'vitest'
import { ensureLayer1 } from './below.ts'
import { Daemon } from './daemon.ts'
import { chainDaemons } from './daemons.ts'
import { loadSettings } from './settings.ts'

const CHAIN = { name: 'embedded', chainId: 31337, pollingIntervalMs: 100, development: true }
const RECEIVER = '0x3333333333333333333333333333333333333333'

/** The description of a network whose own contracts aren't asked for. */
function networkOn(port: number) {
  const tokens = [{ symbol: 'CLOI', decimals: 18, address: RECEIVER }]
  return { ...CHAIN, rpcUrl: `http://127.0.0.1:${port}`, tokens } as unknown as Parameters<
    typeof ensureLayer1
  >[1]
}

test('a network begun as a layer 2 takes deposits by itself, and has withdrawals proved', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'cloister-below-'))
  const settings = await loadSettings(folder, async () => true, { freePorts: true, layer2: true })
  const daemons = chainDaemons(settings).map((daemon) => new Daemon(daemon, () => {}))
  try {
    await Promise.all(daemons.map((daemon) => daemon.start()))
    const network = await ensureLayer1(settings, networkOn(settings.ports.chain))
    expect(await ensureLayer1(settings, network)).toBe(network)
    // A start that was cut short is not gone on with as if nothing had been.
    await expect(ensureLayer1(settings, networkOn(settings.ports.chain))).rejects.toMatchObject({
      code: 'bad-state',
    })
    expect(() => loadNetwork(join(folder, 'network.json'))).not.toThrow('layer1')
    await expect(loadSettings(folder, async () => true, { layer2: true })).resolves.toEqual(settings)

    const sides = connectSides(network)
    const account = developmentAccount(CHAIN, 5)
    const kept = new Map<Hex, Transfer>()
    const journal: TransferJournal = {
      list: () => [...kept.values()],
      write: (transfer) => void kept.set(transfer.start.hash, transfer),
      remove: (start) => void kept.delete(start),
    }
    const wanted = { asset: ETHER, amount: parseEther('0.5'), to: RECEIVER } as const
    const deposit = await startDeposit({ sides, account, journal }, wanted)
    const withdrawal = await startWithdrawal({ sides, account, journal }, wanted)
    // Its daemon starts another engine, which has all that was taken.
    process.kill(daemons[0]?.pid ?? 0, 'SIGKILL')
    const following = { sides, account, journal }
    expect((await followed(deposit)).status.phase).toBe('done')
    expect(await getBalance(sides.layer2, { address: RECEIVER })).toBe(wanted.amount)
    expect((await followed(withdrawal)).status.phase).toBe('done')
    expect(await getBalance(sides.layer1, { address: RECEIVER })).toBe(wanted.amount)

    /** To its end, with layer 1's clock moved where only time is missing. */
    async function followed(transfer: Transfer) {
      for (;;) {
        const now = await followTransfer({ ...following, once: true }, transfer).catch(() => undefined)
        if (now && !isWaiting(now.status)) return now
        if (now?.status.phase === 'waiting-for-end')
          await sides.layer1.request({ method: 'evm_increaseTime', params: [61] } as never)
        // Heartbeats are ten seconds apart.
        await sides.layer1.request({ method: 'evm_mine' } as never)
        await new Promise((done) => setTimeout(done, 200))
      }
    }
  } finally {
    await Promise.all(daemons.map((daemon) => daemon.stop()))
    rmSync(folder, { recursive: true })
  }
})
