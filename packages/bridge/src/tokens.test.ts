import { ARTIFACTS } from '@cloister/contracts/deploy'
import { fundDevelopmentAccount } from '@cloister/development/faucet'
import { createMintables, PREDEPLOYS } from '@cloister/development/op-stack'
import fc from 'fast-check'
import { type Address, erc20Abi, getAddress, parseAbi, zeroAddress } from 'viem'
import {
  deployContract,
  readContract,
  simulateContract,
  waitForTransactionReceipt,
  writeContract,
} from 'viem/actions'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { findAsset, recoverTransfer, type Sides, startDeposit, startWithdrawal } from './index.ts'
import { MemoryJournal } from './testing/journal.ts'
import { Stage } from './testing/stage.ts'
import { type Step, SupplyRun, stepOf } from './testing/supply.ts'

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
  it('of the network are native on layer 2, and both chains together never have more than the cap', async () => {
    const holders = [5, 6]
    for (const holder of holders)
      await fundDevelopmentAccount(stage.pair.chain.wallet(0), stage.account(holder).address)
    const cloi = await findAsset(sides, 'cloi')
    const steps = fc.array(stepOf(holders), { minLength: 8, maxLength: 8 })
    const take = async (random: Step[]) => {
      const supply = await SupplyRun.begin(stage, cloi, holders)
      // Something is on layer 1 to begin with, and everything has arrived in the end.
      const first: Step[] = [
        ['withdrawal', 5, 300],
        ['withdrawal', 6, 300],
        ['bring'],
        ['cheat', 5],
        ['emit', 99],
      ]
      for (const step of [...first, ...random, ['bring'] as const]) {
        await supply.take(step)
        await supply.check()
      }
    }
    await fc.assert(fc.asyncProperty(steps, take), { numRuns: 1, endOnFailure: true })
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
    const formOf = async (symbol: string): Promise<Address> => {
      const wanted = [{ remote: token, name: 'Some token', symbol, decimals: 18 }]
      const factory = PREDEPLOYS.OptimismMintableERC20Factory
      return (await createMintables(stage.pair.layer2, alice(), factory, wanted))[0] ?? zeroAddress
    }
    const form = await formOf('SOME')
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
    const second = await formOf('SOME2')
    await expect(findAsset(sides, token)).rejects.toMatchObject({ code: 'unknown-token' })
    expect((await findAsset(sides, second)).token?.layer2).toBe(getAddress(second))
  })
})
