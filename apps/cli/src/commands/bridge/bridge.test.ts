import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type DevelopmentPair, startDevelopmentPair } from '@cloister/development/op-stack'
import { parseEther } from 'viem'
import { getBalance } from 'viem/actions'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { folderWith, networkOf, typing } from '../../testing.ts'
import { addBridge } from './commands.ts'

const { run, runJson } = typing(addBridge, 'bridge')
/** The tenant that commands act as. */
const _OWN = '0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65'
const OTHER = '0x976EA74026E726554dB657fA54763abd0C3a0aa9'

let pair: DevelopmentPair
let home: string

const settle = async () => {
  await pair.relay()
  await pair.propose()
  await pair.pass(1)
}
const journal = () => readdirSync(join(home, 'bridge'))

beforeAll(async () => {
  pair = await startDevelopmentPair()
})
afterAll(() => pair?.stop())
beforeEach(() => {
  home = folderWith({ 'network.json': JSON.stringify(pair.network) })
  vi.stubEnv('CLOISTER_NETWORK', join(home, 'network.json'))
  vi.stubEnv('CLOISTER_HOME', home)
})
afterEach(() => vi.unstubAllEnvs())

describe('bridge', () => {
  it('deposits, says where it is, and goes on until it has arrived', async () => {
    const before = await getBalance(pair.layer2, { address: OTHER })
    const begun = await run('deposit', '0.5', 'eth', '--to', OTHER, '--yes', '--no-wait')
    expect(begun.err).toContain(`0.5 ETH from embedded layer 1 to test, for ${OTHER}.`)
    expect(begun.out).toContain('layer 1 has it; layer 2 takes it once')
    const { json } = await runJson('status')
    expect(json.transfers).toMatchObject([
      { kind: 'deposit', phase: 'crossing', amount: `${parseEther('0.5')}` },
    ])
    expect((await run('status')).out).toContain('Proofs are simulated on this network')
    await pair.relay()
    const over = await run('deposit', '--resume', json.transfers[0].transaction)
    expect(over).toMatchObject({ exitCode: 0 })
    expect(over.out).toContain('arrived on layer 2')
    expect(await getBalance(pair.layer2, { address: OTHER })).toBe(before + parseEther('0.5'))
    expect(journal()).toEqual([])
    expect((await run('status')).out).toContain('Nothing is on its way')
    // By the hash alone it is found again, though nothing is written down any more.
    expect((await run('status', json.transfers[0].transaction)).out).toContain('arrived on layer 2')
  })

  it('withdraws in steps, each once, and promises no time that others decide on', async () => {
    const before = await getBalance(pair.layer1, { address: OTHER })
    const begun = await runJson('withdraw', '0.25', 'ETH', '--to', OTHER, '--yes', '--no-wait')
    const [{ transaction, phase, block }] = begun.json.transfers
    expect({ phase, block }).toEqual({ phase: 'waiting-for-output', block: expect.any(String) })
    expect((await run('status')).out).toContain('nobody can say exactly when')
    await settle()
    expect((await run('status')).out).toContain(
      `can be proved now: \`cloister bridge withdraw --resume ${transaction}\``,
    )
    const proved = await runJson('withdraw', '--resume', transaction, '--no-wait')
    expect(proved.json.transfers).toMatchObject([{ phase: 'waiting-for-end', until: expect.any(Number) }])
    expect((await run('status')).out).toMatch(/is proved; can be ended after .* UTC \(in (5\dm|1h)/)
    await pair.pass(3_601)
    expect((await runJson('withdraw', '--resume')).json.transfers).toMatchObject([
      { phase: 'done', transaction },
    ])
    expect(await getBalance(pair.layer1, { address: OTHER })).toBe(before + parseEther('0.25'))
    expect(journal()).toEqual([])
  })

  it('waits by itself, for somebody who lets it', async () => {
    const going = run('withdraw', '10', 'CLOI', '--yes')
    // Layer 2 has no CLOI of the account’s: that is told at once.
    expect(await going).toMatchObject({ exitCode: 1, err: expect.stringContaining('has less CLOI') })
    const waiting = run('withdraw', '1', 'ETH', '--yes')
    let isOver = false
    waiting.finally(() => {
      isOver = true
    })
    while (!isOver) {
      await settle()
      await pair.pass(600)
      await new Promise((done) => setTimeout(done, 50))
    }
    const { out, err, exitCode } = await waiting
    if (exitCode) throw new Error(err)
    expect(exitCode).toBe(0)
    expect(err).toContain('A withdrawal isn’t instant')
    expect(out).toContain('arrived on embedded layer 1')
  })

  it('says what is wrong with what was typed, or found', async () => {
    const hints: [string[], string][] = [
      [['deposit'], 'How much of what is to be brought over is not said'],
      [['deposit', '1', 'DOGE', '-y'], 'DOGE is nothing that can be bridged'],
      [['deposit', '0', 'ETH', '-y'], 'Nothing is nothing'],
      [['withdraw', '1', 'ETH', '--to', '0x12', '-y'], '0x12 is no address'],
      [['status', '0x12'], '0x12 is no transaction’s hash'],
      [['status', `0x${'9'.repeat(64)}`], 'Neither chain has a transaction'],
      [['deposit', '1', 'ETH'], 'There is no terminal to ask on'],
    ]
    for (const [words, said] of hints)
      expect(await run(...words)).toMatchObject({ exitCode: 1, err: expect.stringContaining(said) })
    expect((await run('withdraw', '--resume')).out).toContain('No withdrawal is on its way')
    const begun = await runJson('deposit', '1', 'ETH', '-y', '--no-wait')
    const [{ transaction }] = begun.json.transfers
    expect((await run('withdraw', '--resume', transaction)).err).toContain('That is no withdrawal')
    writeFileSync(join(home, 'bridge', `${transaction}.json`), '{"kind":"deposit"}')
    expect((await run('status')).err).toContain('isn’t a transfer that was written down here')
    writeFileSync(join(home, 'network.json'), JSON.stringify(networkOf('AA==')))
    const { err } = await run('status')
    expect(err).toContain('fake knows of no layer 1')
    expect(err).toContain('npm start -- --layer2 --fresh')
  })
})
