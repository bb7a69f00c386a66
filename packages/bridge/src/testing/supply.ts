import { EMISSION_ABI } from '@cloister/chain'
import { PREDEPLOYS } from '@cloister/development/op-stack'
import fc from 'fast-check'
import { type Address, erc20Abi, parseAbi } from 'viem'
import { readContract, simulateContract, waitForTransactionReceipt, writeContract } from 'viem/actions'
import { expect } from 'vitest'
import { type Asset, startDeposit, startWithdrawal, type Transfer } from '../index.ts'
import { reason, type Stage } from './stage.ts'

const CHEATS_ABI = parseAbi([
  'error OverAllotment(address minter, uint256 amount, uint256 left)',
  'function mint(address to, uint256 amount)',
  'function finalizeBridgeERC20(address localToken, address remoteToken, address from, address to, uint256 amount, bytes data)',
  'function relayMessage(uint256 nonce, address sender, address target, uint256 value, uint256 minGasLimit, bytes message) payable',
])

/** Something that happens: a transfer of a holder's thousandths, emission over some hours, an attack, … */
export type Step =
  | readonly [Transfer['kind'], holder: number, thousandths: number]
  | readonly ['bring']
  | readonly ['emit', hours: number]
  | readonly ['cheat', holder: number]

/** Any step of one of the holders. */
export function stepOf(holders: number[]): fc.Arbitrary<Step> {
  const holder = fc.constantFrom(...holders)
  const thousandths = fc.integer({ min: 1, max: 1_000 })
  return fc.oneof(
    { weight: 3, arbitrary: fc.tuple(fc.constant('withdrawal'), holder, thousandths) },
    { weight: 3, arbitrary: fc.tuple(fc.constant('deposit'), holder, thousandths) },
    { weight: 2, arbitrary: fc.tuple(fc.constant('bring')) },
    { weight: 1, arbitrary: fc.tuple(fc.constant('emit'), fc.integer({ min: 1, max: 10_000 })) },
    { weight: 1, arbitrary: fc.tuple(fc.constant('cheat'), holder) },
  )
}

/** What is done to a token that both chains know, and how much of it there has to be after each of that. */
export class SupplyRun {
  private readonly stage: Stage
  private readonly cloi: Asset
  private readonly token: { layer1: Address; layer2: Address }
  private readonly holders: readonly number[]
  /** Base units by holder, as they have to be. */
  private readonly held = new Map<number, { layer1: bigint; layer2: bigint }>()
  /** Taken from one chain, and not on the other yet. */
  private readonly open: { transfer: Transfer; holder: number }[] = []
  private onLayer2 = 0n

  private constructor(stage: Stage, cloi: Asset, holders: readonly number[]) {
    if (!cloi.token) throw new Error(`${cloi.symbol} is no token`)
    this.stage = stage
    this.cloi = cloi
    this.token = cloi.token
    this.holders = holders
  }

  /** `holders` are indices of development accounts. */
  static async begin(stage: Stage, cloi: Asset, holders: readonly number[]): Promise<SupplyRun> {
    const run = new SupplyRun(stage, cloi, holders)
    for (const holder of holders) run.held.set(holder, await run.found(holder))
    run.onLayer2 = await run.supply('layer2')
    return run
  }

  async take(step: Step): Promise<void> {
    switch (step[0]) {
      case 'bring':
        return this.bring()
      case 'emit':
        return this.emit(step[1])
      case 'cheat':
        return this.cheat(step[1])
      default:
        return this.send(...step)
    }
  }

  /** Takes `thousandths` of what a holder has to the other chain; nothing happens where that is nothing. */
  private async send(kind: Transfer['kind'], holder: number, thousandths: number): Promise<void> {
    const side = kind === 'deposit' ? 'layer1' : 'layer2'
    const held = this.heldBy(holder)
    const amount = (held[side] * BigInt(thousandths)) / 1_000n
    if (amount === 0n) return
    const account = this.stage.account(holder)
    const starting = { sides: this.stage.sides, account, journal: this.stage.journal }
    const start = kind === 'deposit' ? startDeposit : startWithdrawal
    const transfer = await start(starting, { asset: this.cloi, amount, to: account.address })
    held[side] -= amount
    this.open.push({ transfer, holder })
  }

  /** Has all that is on its way arrive. */
  private async bring(): Promise<void> {
    for (const { transfer, holder } of this.open.splice(0)) {
      await this.stage.finish(transfer, holder)
      this.heldBy(holder)[transfer.kind === 'deposit' ? 'layer2' : 'layer1'] += transfer.amount
    }
  }

  /** Lets time pass on layer 2, and has created what emission owes the treasury by then. */
  private async emit(hours: number): Promise<void> {
    const { layer2 } = this.stage.sides
    const { emission } = this.stage.pair.network.contracts
    const ask = (method: string, ...params: unknown[]) => layer2.request({ method, params } as never)
    await ask('evm_increaseTime', hours * 3_600)
    await ask('evm_mine')
    const before = await this.supply('layer2')
    const { request, result } = await simulateContract(layer2, {
      address: emission,
      abi: EMISSION_ABI,
      functionName: 'collect',
      args: [1_000n],
      account: this.stage.account(this.holders[0] ?? 0),
    })
    await waitForTransactionReceipt(layer2, { hash: await writeContract(layer2, request) })
    // The block that collects is younger than the one that was asked by.
    const created = (await this.supply('layer2')) - before
    expect(created).toBeGreaterThanOrEqual(result)
    this.onLayer2 += created
  }

  /** Everything by which somebody might have more of it, and why each is refused. */
  private async cheat(holder: number): Promise<void> {
    const { layer1, layer2, below } = this.stage.sides
    const account = this.stage.account(holder)
    const { address } = account
    const refusal = (side: typeof layer1, to: Address, functionName: string, args: unknown[]) =>
      reason(simulateContract(side, { address: to, abi: CHEATS_ABI, functionName, args, account } as never))
    const mint = [address, 1n]
    expect(await refusal(layer1, this.token.layer1, 'mint', mint)).toContain('only bridge can mint and burn')
    expect(await refusal(layer2, this.token.layer2, 'mint', mint)).toContain('OverAllotment')
    const { layer1: here, layer2: there } = this.token
    const release = (local: Address, remote: Address) => [local, remote, address, address, 1n, '0x']
    const onlyBridge = 'only be called from the other bridge'
    const bridges = [
      [layer1, below.contracts.standardBridge, release(here, there)],
      [layer2, PREDEPLOYS.L2StandardBridge, release(there, here)],
    ] as const
    for (const [side, bridge, args] of bridges)
      expect(await refusal(side, bridge, 'finalizeBridgeERC20', args)).toContain(onlyBridge)
    // Of version 1 (specs/protocol/messengers.md, "Message Versioning").
    const message = [1n << 240n, PREDEPLOYS.L2StandardBridge, address, 0n, 100_000n, '0x']
    const messengers = [
      [layer1, below.contracts.messenger],
      [layer2, PREDEPLOYS.L2CrossDomainMessenger],
    ] as const
    for (const [side, messenger] of messengers)
      expect(await refusal(side, messenger, 'relayMessage', [...message])).toContain(
        'message cannot be replayed',
      )
  }

  /** Fails unless every unit is where it has to be, and both chains together have no more than the cap. */
  async check(): Promise<void> {
    const { layer2 } = this.stage.sides
    const [locked, minted, supply] = await Promise.all([
      this.balance('layer2', PREDEPLOYS.L2StandardBridge),
      this.supply('layer1'),
      this.supply('layer2'),
    ])
    const way = this.open.reduce((sum, { transfer }) => sum + transfer.amount, 0n)
    expect(locked - minted).toBe(way)
    expect(supply).toBe(this.onLayer2)
    const cap = await readContract(layer2, {
      address: this.token.layer2,
      abi: parseAbi(['function cap() view returns (uint256)']),
      functionName: 'cap',
    })
    expect(cap).toBe(1_000_000_000n * 10n ** 18n)
    // What anybody can spend on either chain, and what is on its way.
    expect(supply - locked + minted + way).toBeLessThanOrEqual(cap)
    for (const holder of this.holders) expect(await this.found(holder)).toEqual(this.heldBy(holder))
  }

  private heldBy(holder: number): { layer1: bigint; layer2: bigint } {
    const held = this.held.get(holder)
    if (!held) throw new Error(`Nobody looks after ${holder}`)
    return held
  }

  private async found(holder: number): Promise<{ layer1: bigint; layer2: bigint }> {
    const { address } = this.stage.account(holder)
    return {
      layer1: await this.balance('layer1', address),
      layer2: await this.balance('layer2', address),
    }
  }

  private balance(side: 'layer1' | 'layer2', holder: Address): Promise<bigint> {
    return readContract(this.stage.sides[side], {
      address: this.token[side],
      abi: erc20Abi,
      functionName: 'balanceOf',
      args: [holder],
    })
  }

  private supply(side: 'layer1' | 'layer2'): Promise<bigint> {
    return readContract(this.stage.sides[side], {
      address: this.token[side],
      abi: erc20Abi,
      functionName: 'totalSupply',
    })
  }
}
