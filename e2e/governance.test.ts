import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { ADMISSION_ABI, findToken, type Network, send } from '@cloister/chain'
import { createCloister, governance } from '@cloister/sdk'
import { concat, encodeFunctionData, type Hex, pad, parseAbi, toHex, zeroAddress } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestIndex, type TestIndex } from '../packages/indexer/src/testing.ts'
import { commandLine, type Stage } from './embedded.ts'

const FMSPC: Hex = '0xc10157e20000'
/** Of Safe 1.5.0 (contracts/Safe.sol, contracts/base), what makes it do something. */
const SAFE_ABI = parseAbi([
  'function execTransaction(address to, uint256 value, bytes data, uint8 operation, uint256 safeTxGas, uint256 baseGas, uint256 gasPrice, address gasToken, address refundReceiver, bytes signatures) payable returns (bool)',
  'function execTransactionFromModule(address to, uint256 value, bytes data, uint8 operation) returns (bool)',
  'function setup(address[] owners, uint256 threshold, address to, bytes data, address fallbackHandler, address paymentToken, uint256 payment, address paymentReceiver)',
  'function enableModule(address module)',
  'function addOwnerWithThreshold(address owner, uint256 threshold)',
])

describe('what governance does', () => {
  let index: TestIndex
  let network: Network
  let stage: Pick<Stage, 'cloister' | 'json'>
  const admission = () => ({ address: network.contracts.admission, abi: ADMISSION_ABI }) as const

  beforeAll(async () => {
    index = await startTestIndex()
    network = { ...index.chain.network, indexerUrl: index.url }
    const path = join(index.folder, 'network.json')
    writeFileSync(path, JSON.stringify(network))
    stage = commandLine(path, index.folder)
  })
  afterAll(() => index?.stop())

  it('at once is shown with the time that it has left, until it is taken back', async () => {
    const owner = index.chain.governance
    const floor = await owner.client.readContract({ ...admission(), functionName: 'floorOf', args: [FMSPC] })
    const args = [FMSPC, { ...floor, expiry: 1 }] as const
    await send(owner, { ...admission(), functionName: 'raiseFloor', args })
    await index.synced()
    expect((await stage.json('governance')).suspensions).toMatchObject([
      {
        kind: 'floor',
        fmspc: FMSPC,
        floor: { expiry: '1' },
        by: owner.account.address,
        state: 'in-force',
        onChain: true,
      },
    ])
    expect((await stage.cloister('governance')).stdout).toMatch(
      /platforms 0xc10157e20000 +floor raised to .*in-force, 28d 23h more/,
    )
    await send(owner, { ...admission(), functionName: 'lowerFloor', args: [FMSPC] })
    await index.synced()
    expect((await stage.json('governance', '--all')).suspensions).toMatchObject([{ state: 'lifted' }])
    expect((await stage.json('governance')).suspensions).toEqual([])
  })

  it('later is told as the chain has it, and whatever an index makes up as made up', async () => {
    const measurement: Hex = `0x${'b1'.repeat(32)}`
    const call = encodeFunctionData({
      abi: ADMISSION_ABI,
      functionName: 'setMeasurement',
      args: [measurement, 3],
    })
    await send(index.chain.governance, { ...admission(), functionName: 'announce', args: [call] })
    await index.synced()
    const [found] = (await stage.json('governance')).announcements
    expect(found).toMatchObject({
      contract: 'admission',
      function: 'setMeasurement',
      args: { measurement, roles: 3 },
      state: 'waiting',
      onChain: true,
    })
    expect((await stage.cloister('governance')).stdout).toMatch(
      /admission +setMeasurement\(measurement: 0xb1b1b1b1b1…, roles: 3\) .* waiting, 21d 23h more/,
    )
    // The same with another reading of the call, another time, and a call that nobody announced.
    const { onChain: _, ...record } = found
    const lies = [
      [{ ...record, function: 'setNothing', args: {} }, true],
      [{ ...record, readyAt: record.readyAt + 1 }, false],
      [{ ...record, call: record.call.replace(/3$/, '1') }, false],
    ] as const
    const lying = createServer((_, response) => {
      response
        .setHeader('content-type', 'application/json')
        .end(JSON.stringify({ announcements: lies.map(([lie]) => lie), suspensions: [], proposals: [] }))
    })
    await new Promise<void>((done) => lying.listen(0, '127.0.0.1', done))
    try {
      const indexerUrl = `http://127.0.0.1:${(lying.address() as AddressInfo).port}`
      const { announcements } = await governance(createCloister({ network: { ...network, indexerUrl } }))
      expect(announcements.map(({ onChain }) => onChain)).toEqual(lies.map(([, isSo]) => isSo))
      expect(announcements[0]).toMatchObject({
        function: 'setMeasurement',
        args: { measurement, roles: 3 },
      })
    } finally {
      await new Promise((done) => lying.close(done))
    }
  })

  it('is done by ballots alone: nobody else moves the Safe, whatever they sign', async () => {
    const { client, account } = index.chain.wallet(5)
    const { safe, ballots } = index.chain.deployment.addresses
    const contract = { address: safe ?? '0x', abi: SAFE_ABI } as const
    const cloi = findToken(network, 'CLOI').address
    const asModule = [cloi, 0n, '0x', 0] as const
    const nothing = encodeFunctionData({
      abi: SAFE_ABI,
      functionName: 'execTransactionFromModule',
      args: asModule,
    })
    const attempt = (data: Hex) => client.call({ account: account.address, to: contract.address, data })
    // Signatures as Safe takes them: 32 bytes each of r and s, and the kind (contracts/Safe.sol,
    // checkNSignatures). Of a contract, of who sends, of who approved before, of a key.
    const owner = pad(ballots ?? '0x')
    const signatures: Hex[] = [
      concat([owner, toHex(65n, { size: 32 }), '0x00', toHex(0n, { size: 32 })]),
      concat([owner, toHex(0n, { size: 32 }), '0x01']),
      concat([pad(account.address), toHex(0n, { size: 32 }), '0x01']),
      concat([owner, owner, '0x1b']),
      '0x',
    ]
    for (const signature of signatures)
      for (const [to, operation] of [
        [cloi, 0],
        [cloi, 1],
        [contract.address, 0],
      ] as const) {
        const args = [to, 0n, nothing, operation, 0n, 0n, 0n, zeroAddress, zeroAddress, signature] as const
        const data = encodeFunctionData({ abi: SAFE_ABI, functionName: 'execTransaction', args })
        await expect(attempt(data), `${signature} ${operation}`).rejects.toThrow(/revert|GS0/)
      }
    const self = account.address
    const others = [
      nothing,
      encodeFunctionData({ abi: SAFE_ABI, functionName: 'enableModule', args: [self] }),
      encodeFunctionData({ abi: SAFE_ABI, functionName: 'addOwnerWithThreshold', args: [self, 1n] }),
      encodeFunctionData({
        abi: SAFE_ABI,
        functionName: 'setup',
        args: [[self], 1n, zeroAddress, '0x', zeroAddress, zeroAddress, 0n, zeroAddress],
      }),
    ]
    for (const data of others) await expect(attempt(data), data.slice(0, 10)).rejects.toThrow(/GS/)
  })
})
