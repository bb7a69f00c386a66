import { connectWallet, findToken, openLease, registerWorker, signBid, transferToken } from '@cloister/chain'
import { coverWorker } from '@cloister/development/chain'
import { fundDevelopmentAccount } from '@cloister/development/faucet'
import { checkpoint, latestRoot, outputAt, propose, simulateProof } from '@cloister/development/op-stack'
import { type Hex, type LocalAccount, parseEther, toHex, zeroHash } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { getBalance, getTransactionReceipt } from 'viem/actions'
import {
  buildProveWithdrawal,
  finalizeWithdrawal,
  getGame,
  getL2TransactionHashes,
  proveWithdrawal,
} from 'viem/op-stack'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import {
  advanceTransfer,
  connectSides,
  ETHER,
  followTransfer,
  recoverTransfer,
  type Sides,
  startDeposit,
  startWithdrawal,
  transferStatus,
} from './index.ts'
import { MemoryJournal } from './testing/journal.ts'
import { reason, Stage } from './testing/stage.ts'
import { withdrawalIn } from './withdrawal.ts'

const HASH: Hex = `0x${'ab'.repeat(32)}`

let stage: Stage
let sides: Sides
const alice = () => stage.account(5)
const starting = (account: LocalAccount = alice()) => ({ sides, account, journal: stage.journal })

beforeAll(async () => {
  stage = await Stage.open()
  sides = stage.sides
})
afterAll(() => stage?.pair.stop())
beforeEach(() => {
  stage.journal = new MemoryJournal()
})

describe('ether', () => {
  it('is deposited, pays for a lease on layer 2, and comes back, exact to the wei', async () => {
    const fresh = privateKeyToAccount(generatePrivateKey())
    const wanted = { asset: ETHER, amount: parseEther('2') + 7n, to: fresh.address }
    const deposit = await startDeposit(starting(), wanted)
    expect(await transferStatus(sides, deposit)).toEqual({ phase: 'crossing' })
    expect(await stage.balances(fresh.address)).toEqual({ layer1: 0n, layer2: 0n })
    expect((await stage.finish(deposit)).start).toEqual(deposit.start)
    expect(await stage.balances(fresh.address)).toEqual({ layer1: 0n, layer2: wanted.amount })
    expect(stage.journal.list()).toEqual([])
    const [hash = HASH] = getL2TransactionHashes(
      await getTransactionReceipt(sides.layer1, { hash: deposit.start.hash }),
    )
    expect(await getTransactionReceipt(sides.layer2, { hash })).toMatchObject({
      type: '0x7E' as never,
      status: 'success',
    })

    const spent = await leaseOf(fresh)
    const left = wanted.amount - spent
    expect((await stage.balances(fresh.address)).layer2).toBe(left)

    const back = await startWithdrawal(starting(fresh), {
      asset: ETHER,
      amount: parseEther('1') + 3n,
      to: fresh.address,
    })
    const begun = await getTransactionReceipt(sides.layer2, { hash: back.start.hash })
    const fee = begun.gasUsed * begun.effectiveGasPrice
    // Whoever has ether on layer 1 may take it on; what comes is the receiver's alone.
    await stage.finish(back)
    expect(await stage.balances(fresh.address)).toEqual({
      layer1: parseEther('1') + 3n,
      layer2: left - fee - parseEther('1') - 3n,
    })
  })

  /** Opens a lease with a signed bid, and gives what its transactions cost in wei. */
  async function leaseOf(tenant: LocalAccount): Promise<bigint> {
    const { chain } = stage.pair
    const [provider, wallet] = [chain.wallet(1), connectWallet(stage.pair.network, tenant)]
    const worker = privateKeyToAccount(generatePrivateKey())
    const cloi = findToken(stage.pair.network, 'CLOI').address
    await fundDevelopmentAccount(chain.wallet(0), chain.wallet(4).account.address)
    await registerWorker(provider, worker, {
      cpuMilli: 2000,
      memoryMiB: 1024,
      diskMiB: 1024,
      gpus: 0,
      gpuClass: '',
      endpoint: 'http://127.0.0.1:1',
    })
    await coverWorker(provider, await chain.root.manufacture(), worker)
    await transferToken(chain.wallet(4), cloi, tenant.address, 1_000_000n)
    const { timestamp } = await wallet.client.getBlock()
    const bid = await signBid(stage.pair.network, worker, {
      tenant: tenant.address,
      worker: worker.address,
      token: cloi,
      ratePerSecond: 1n,
      minimumDeposit: 0n,
      expiry: Number(timestamp) + 600,
      room: 1n,
      noticeMinutes: 0,
      manifestHash: HASH,
      order: HASH,
      salt: 1n,
    })
    const { receipt } = await openLease(wallet, bid, 1_000_000n, 'bridged')
    return receipt.gasUsed * receipt.effectiveGasPrice
  }

  it('is withdrawn once, however often the process dies', async () => {
    const before = await stage.balances(alice().address)
    const wanted = { asset: ETHER, amount: parseEther('0.25'), to: stage.account(6).address }
    const receiver = await stage.balances(wanted.to)
    // It dies with each of the three transactions written down and not sent.
    const die = () => {
      throw new Error('killed')
    }
    stage.journal.onWrite = die
    await expect(startWithdrawal(starting(), wanted)).rejects.toThrow()
    expect(await stage.balances(alice().address)).toEqual(before)
    stage.journal.onWrite = () => {}
    for (const phase of ['sending', 'waiting-for-output'] as const) expect(await step()).toBe(phase)
    await stage.settle()
    stage.journal.onWrite = die
    await expect(step()).rejects.toThrow()
    const proof = stage.journal.list()[0]?.prove
    stage.journal.onWrite = () => {}
    // What was signed before is sent, and nothing else.
    expect(await step()).toBe('ready-to-prove')
    expect(stage.journal.list()[0]?.prove).toEqual(proof)
    expect(await step()).toBe('waiting-for-end')
    await stage.pair.pass(3_601)
    stage.journal.onWrite = die
    await expect(step()).rejects.toThrow()
    expect((await stage.balances(wanted.to)).layer1).toBe(receiver.layer1)
    stage.journal.onWrite = () => {}
    expect(await step()).toBe('ready-to-finalize')
    expect(await step()).toBe('done')
    expect((await stage.balances(wanted.to)).layer1).toBe(receiver.layer1 + wanted.amount)

    /** A new process: it knows what is written down, looks where that is, and does one thing. */
    async function step() {
      const [transfer] = stage.journal.list()
      if (!transfer) throw new Error('nothing is written down')
      const own = connectSides(stage.pair.network)
      const status = await transferStatus(own, transfer)
      await advanceTransfer({ ...stage.advancing(), sides: own }, transfer, status)
      return status.phase
    }
  })

  it('is found again by the first transaction alone', async () => {
    const wanted = { asset: ETHER, amount: 12_345n, to: alice().address }
    const withdrawal = await startWithdrawal(starting(), wanted)
    const deposit = await startDeposit(starting(), wanted)
    for (const { kind, start } of [withdrawal, deposit])
      expect(await recoverTransfer(sides, start.hash)).toEqual({
        kind,
        chainId: 31337,
        account: alice().address,
        ...wanted,
        start: { hash: start.hash },
      })
    await expect(recoverTransfer(sides, HASH)).rejects.toMatchObject({ code: 'not-found' })
    stage.journal.files.clear()
    await stage.finish(await recoverTransfer(sides, withdrawal.start.hash))
    await stage.finish(await recoverTransfer(sides, deposit.start.hash))
  })

  it('is waited for also while a chain does not answer', async () => {
    const deposit = await startDeposit(starting(), { asset: ETHER, amount: 5n, to: alice().address })
    const lost = () => vi.spyOn(globalThis, 'fetch').mockRejectedValue(new TypeError('fetch failed'))
    lost()
    const once = followTransfer({ ...stage.advancing(), once: true }, deposit)
    await expect(once).rejects.toMatchObject({
      code: 'chain-unreachable',
      message: `The chain at ${sides.below.rpcUrl} does not answer.`,
    })
    vi.restoreAllMocks()
    const told: string[] = []
    const { status } = await followTransfer(
      {
        ...stage.advancing(),
        onStatus: ({ phase }) => {
          if (told.push(phase) === 1) lost()
        },
        onUnreached: ({ message }) => {
          told.push(message)
          vi.restoreAllMocks()
          void stage.pair.relay()
        },
      },
      deposit,
    )
    expect(status.phase).toBe('done')
    expect(told.slice(0, 2)).toEqual(['crossing', expect.stringContaining('does not answer')])
    expect(told.at(-1)).toBe('done')
  })

  it('is not let go of while layer 1 would not pay it out', async () => {
    const to = stage.account(6).address
    let transfer = await startWithdrawal(starting(), { asset: ETHER, amount: 77n, to })
    await stage.settle()
    transfer = await advanceTransfer(stage.advancing(), transfer, { phase: 'ready-to-prove' })
    await stage.pair.pass(3_601)
    const { portal } = sides.below.contracts
    const [has, had] = [
      await getBalance(sides.layer1, { address: portal }),
      await getBalance(sides.layer1, { address: to }),
    ]
    const set = (wei: bigint) =>
      sides.layer1.request({ method: 'anvil_setBalance', params: [portal, toHex(wei)] } as never)
    await set(76n)
    const status = await transferStatus(sides, transfer)
    expect(status.phase).toBe('ready-to-finalize')
    await expect(advanceTransfer(stage.advancing(), transfer, status)).rejects.toMatchObject({
      code: 'refused',
    })
    await set(has)
    await stage.finish(transfer)
    expect(await getBalance(sides.layer1, { address: to })).toBe(had + 77n)
  })

  it('does not go where it would be lost, nor beyond what there is', async () => {
    const cloi = findToken(stage.pair.network, 'CLOI').address
    await expect(startDeposit(starting(), { asset: ETHER, amount: 1n, to: cloi })).rejects.toMatchObject({
      code: 'bad-address',
    })
    await expect(
      startWithdrawal(starting(), { asset: ETHER, amount: parseEther('1000000'), to: alice().address }),
    ).rejects.toMatchObject({ code: 'no-money' })
    expect(stage.journal.list()).toEqual([])
  })
})

describe('outputs and proofs', () => {
  it('are refused where the proof is forged, of another output, or of one that is there', async () => {
    await startWithdrawal(starting(), { asset: ETHER, amount: 1n, to: alice().address })
    const { proposing } = stage.pair
    const [output, before, at] = [
      await outputAt(stage.pair.layer2),
      await latestRoot(proposing),
      await checkpoint(proposing),
    ]
    const prover = proposing.prover.address
    const claimed = { l1Head: at.hash, before, output, prover }
    const forged = await simulateProof(privateKeyToAccount(generatePrivateKey()), claimed)
    expect(await reason(propose(proposing, output, at.number, forged))).toContain('InvalidProof')
    const good = await simulateProof(proposing.prover, claimed)
    const wrong = { ...output, root: HASH }
    expect(await reason(propose(proposing, wrong, at.number, good))).toContain('InvalidProof')
    const stale = await simulateProof(proposing.prover, { ...claimed, before: zeroHash })
    expect(await reason(propose(proposing, output, at.number, stale))).toContain('InvalidProof')
    expect(await reason(propose(proposing, output, at.number + 100n, good))).toContain(
      'L1BlockHashNotCheckpointed',
    )
    await propose(proposing, output, at.number, good)
    expect(await reason(propose(proposing, output, at.number, good))).toContain('TooEarly')
  })

  it('end no withdrawal before its time, none twice, and none that layer 2 did not make', async () => {
    const wanted = { asset: ETHER, amount: 5n, to: stage.account(7).address }
    let transfer = await startWithdrawal(starting(), wanted)
    await stage.settle()
    const { portal } = sides.below.contracts
    const receipt = await getTransactionReceipt(sides.layer2, { hash: transfer.start.hash })
    const withdrawal = withdrawalIn(receipt)
    const end = (changes = {}) =>
      reason(
        finalizeWithdrawal(sides.layer1, {
          account: alice(),
          withdrawal: { ...withdrawal, ...changes },
          targetChain: sides.targetChain,
        } as never),
      )
    expect(await end()).toContain('has not been proven')
    // What layer 2 did not make has no proof, and another's doesn't do.
    const game = await getGame(sides.layer1, {
      l2BlockNumber: receipt.blockNumber,
      targetChain: sides.targetChain,
    } as never)
    const built = await buildProveWithdrawal(sides.layer2, { account: alice(), game, withdrawal } as never)
    const prove = (changes: object) =>
      reason(
        proveWithdrawal(sides.layer1, {
          ...built,
          ...changes,
          account: alice(),
          targetChain: sides.targetChain,
        } as never),
      )
    expect(await prove({ withdrawal: { ...withdrawal, value: 6n } })).toContain('MerkleTrie: ')
    const outputRootProof = { ...built.outputRootProof, stateRoot: HASH }
    expect(await prove({ outputRootProof })).toContain('invalid output root proof')
    transfer = await advanceTransfer(stage.advancing(), transfer, { phase: 'ready-to-prove' })
    expect(await end()).toContain('has not matured yet')
    await stage.pair.pass(3_601)
    expect(await end({ value: 6n })).toContain('has not been proven')
    const before = await getBalance(sides.layer1, { address: portal })
    await stage.finish(transfer)
    expect(await getBalance(sides.layer1, { address: portal })).toBe(before - 5n)
    expect(await end()).toContain('has already been finalized')
    // Whoever proves it again gets nothing by it.
    await expect(
      advanceTransfer(
        stage.advancing(),
        { ...transfer, prove: undefined as never },
        { phase: 'ready-to-finalize' },
      ),
    ).resolves.toBeDefined()
    expect(await getBalance(sides.layer1, { address: portal })).toBe(before - 5n)
  })

  it('do not keep a withdrawal back that others prove again and again', async () => {
    const wanted = { asset: ETHER, amount: 9n, to: alice().address }
    let transfer = await startWithdrawal(starting(), wanted)
    await stage.settle()
    transfer = await advanceTransfer(stage.advancing(), transfer, { phase: 'ready-to-prove' })
    await stage.pair.pass(3_601)
    const others = new MemoryJournal()
    await advanceTransfer(
      { sides, account: stage.account(6), journal: others },
      { ...transfer, prove: undefined as never },
      { phase: 'ready-to-prove' },
    )
    expect(await transferStatus(sides, transfer)).toEqual({
      phase: 'ready-to-finalize',
      submitter: alice().address,
    })
    await stage.finish(transfer)
  })
})
