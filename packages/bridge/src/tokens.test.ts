import { ARTIFACTS } from '@cloister/contracts/deploy'
import { fundDevelopmentAccount } from '@cloister/development/faucet'
import { createMintable, PREDEPLOYS } from '@cloister/development/op-stack'
import { type Address, erc20Abi, getAddress, parseAbi, zeroAddress } from 'viem'
import {
  deployContract,
  readContract,
  simulateContract,
  waitForTransactionReceipt,
  writeContract,
} from 'viem/actions'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  findAsset,
  recoverTransfer,
  type Sides,
  startDeposit,
  startWithdrawal,
  type Transfer,
} from './index.ts'
import { MemoryJournal } from './testing/journal.ts'
import { reason, Stage } from './testing/stage.ts'

const BRIDGE = PREDEPLOYS.L2StandardBridge

let stage: Stage
let sides: Sides
const alice = () => stage.account(5)
const starting = () => ({ sides, account: alice(), journal: stage.journal })
const of = (side: Sides['layer1'], address: Address, holder: Address) =>
  readContract(side, { address, abi: erc20Abi, functionName: 'balanceOf', args: [holder] })

beforeAll(async () => {
  stage = await Stage.open()
  sides = stage.sides
})
afterAll(() => stage?.pair.stop())
beforeEach(() => {
  stage.journal = new MemoryJournal()
})

describe('tokens', () => {
  it('of the network are native on layer 2, and both chains together never have more than there is', async () => {
    const cloi = await findAsset(sides, 'cloi')
    const { layer1, layer2 } = cloi.token ?? { layer1: zeroAddress, layer2: zeroAddress }
    await fundDevelopmentAccount(stage.pair.chain.wallet(0), alice().address)
    const supply = (side: Sides['layer1'], address: Address) =>
      readContract(side, { address, abi: erc20Abi, functionName: 'totalSupply' })
    const onLayer2 = await supply(sides.layer2, layer2)
    const held = {
      layer1: await of(sides.layer1, layer1, alice().address),
      layer2: await of(sides.layer2, layer2, alice().address),
    }
    expect(held.layer2).toBeGreaterThan(10n ** 18n)
    let seed = 7
    const random = (below: number) => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31
      return seed % below
    }
    const open: Transfer[] = []
    /** What was taken from one chain and isn't on the other yet. */
    const check = async () => {
      const [locked, minted] = [await of(sides.layer2, layer2, BRIDGE), await supply(sides.layer1, layer1)]
      expect(await supply(sides.layer2, layer2)).toBe(onLayer2)
      expect(minted).toBeLessThanOrEqual(locked)
      const way = open.reduce((sum, { amount }) => sum + amount, 0n)
      expect(locked - minted).toBe(way)
      expect(await of(sides.layer1, layer1, alice().address)).toBe(held.layer1)
      expect(await of(sides.layer2, layer2, alice().address)).toBe(held.layer2)
    }
    for (let turn = 0; turn < 4; turn++) {
      const isDeposit = held.layer1 > 1_000n && random(2) === 1
      const most = isDeposit ? held.layer1 : 10n ** 18n
      const amount = 1n + (most * BigInt(random(1_000))) / 2_000n
      const wanted = { asset: cloi, amount, to: alice().address }
      const transfer = await (isDeposit
        ? startDeposit(starting(), wanted)
        : startWithdrawal(starting(), wanted))
      held[isDeposit ? 'layer1' : 'layer2'] -= amount
      open.push(transfer)
      await check()
      if (random(3) > 0) continue
      for (const one of open.splice(0)) {
        await stage.finish(one)
        held[one.kind === 'deposit' ? 'layer2' : 'layer1'] += one.amount
      }
      await check()
    }
    for (const one of open.splice(0)) {
      await stage.finish(one)
      held[one.kind === 'deposit' ? 'layer2' : 'layer1'] += one.amount
    }
    await check()
    // Nobody but the bridge creates any.
    expect(
      await reason(
        simulateContract(sides.layer1, {
          address: layer1,
          abi: parseAbi(['function mint(address, uint256)']),
          functionName: 'mint',
          args: [alice().address, 1n],
          account: alice(),
        }),
      ),
    ).toContain('only bridge can mint and burn')
  })

  it('of layer 1 go to the form that the bridge made of them, and to none that only says so', async () => {
    const { abi, bytecode } = ARTIFACTS['Token'] ?? { abi: [], bytecode: '0x' }
    const deploy = async (side: Sides['layer1'], account = alice()) => {
      const args = [alice().address, [alice().address], [1_000n]]
      const hash = await deployContract(side, { abi, bytecode, args, account } as never)
      const { contractAddress } = await waitForTransactionReceipt(side, { hash })
      return getAddress(contractAddress ?? zeroAddress)
    }
    const [token, stranger] = [await deploy(sides.layer1), await deploy(sides.layer2, stage.account(7))]
    await expect(findAsset(sides, token)).rejects.toMatchObject({ code: 'unknown-token' })
    const form = await createMintable(stage.pair.layer2, alice(), PREDEPLOYS.OptimismMintableERC20Factory, {
      remote: token,
      name: 'Some token',
      symbol: 'SOME',
      decimals: 18,
    })
    const asset = await findAsset(sides, token.toLowerCase())
    expect(asset).toEqual({
      symbol: 'CLOI',
      decimals: 18,
      token: { layer1: token, layer2: getAddress(form) },
    })
    expect(await findAsset(sides, form)).toEqual(asset)
    await expect(findAsset(sides, stranger)).rejects.toMatchObject({ code: 'unknown-token' })

    const mint = parseAbi(['function mint(address to, uint256 amount)'])
    const call = { address: token, abi: mint, functionName: 'mint', args: [alice().address, 1_000n] } as const
    const { request } = await simulateContract(sides.layer1, { ...call, account: alice() })
    await waitForTransactionReceipt(sides.layer1, { hash: await writeContract(sides.layer1, request) })
    const to = stage.account(6).address
    const deposit = await startDeposit(starting(), { asset, amount: 600n, to })
    expect(await recoverTransfer(sides, deposit.start.hash)).toEqual({
      ...deposit,
      start: { hash: deposit.start.hash },
    })
    await stage.finish(deposit)
    expect(await of(sides.layer2, form, to)).toBe(600n)
    const back = await startWithdrawal(
      { ...starting(), account: stage.account(6) },
      { asset, amount: 250n, to: alice().address },
    )
    expect(await recoverTransfer(sides, back.start.hash)).toEqual({
      ...back,
      start: { hash: back.start.hash },
    })
    await stage.finish(back, 6)
    expect(await of(sides.layer1, token, alice().address)).toBe(650n)
    expect(await of(sides.layer2, form, to)).toBe(350n)

    // A second form: which of the two is meant has to be said.
    const other = { remote: token, name: 'Some token', symbol: 'SOME2', decimals: 18 }
    const second = await createMintable(
      stage.pair.layer2,
      alice(),
      PREDEPLOYS.OptimismMintableERC20Factory,
      other,
    )
    await expect(findAsset(sides, token)).rejects.toMatchObject({ code: 'unknown-token' })
    expect((await findAsset(sides, second)).token?.layer2).toBe(getAddress(second))
  })
})
