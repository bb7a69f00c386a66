import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { bytesToHex, type Hex } from 'viem'
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { takeSnapshot } from '../count/snapshot.ts'
import { LegacyNode } from '../rpc.ts'
import { verifyState } from '../state/verify.ts'
import { type LegacyChainMade, makeLegacyChain } from '../testing/legacy-chain.ts'
import { cryptoWaitReady } from '../testing/people.ts'
import { type FakeNode, serveLegacyChain } from '../testing/rpc-server.ts'
import { readChain } from './read-chain.ts'
import { readExport } from './read-export.ts'
import { StateFile } from './state-file.ts'

/** The chain has several pages. */
const PAGE = 60

let chain: LegacyChainMade
let server: FakeNode

beforeAll(async () => {
  await cryptoWaitReady()
  chain = makeLegacyChain(120)
  server = await serveLegacyChain(chain, { most: PAGE })
})
afterAll(() => server?.stop())
beforeEach(() => {
  server.tamper = undefined
  server.requests.clear()
})

const node = () => new LegacyNode(server.url.replace('http', 'ws'), { firstPauseMs: 1 })

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'cloister-migration-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}

function open(path = join(folder(), 'state.sqlite'), source: string = chain.blockHash): StateFile {
  const file = new StateFile(path, { source })
  onTestFinished(() => file.close())
  return file
}

describe('a chain’s state', () => {
  it('is read whole over JSON-RPC and held against the block’s hash', async () => {
    const file = open()
    const { stateRoot } = await node().header(chain.blockHash)
    const seen: number[] = []
    await readChain(node(), chain.blockHash, file, ({ part }) => seen.push(part))
    expect(file.count).toBe(chain.pairs.length)
    expect(server.requests.get('state_getKeysPaged')).toBe(Math.ceil(chain.pairs.length / PAGE) + 1)
    expect(seen).toEqual(seen.toSorted((one, other) => one - other))
    verifyState(file, stateRoot)
    expect(takeSnapshot(file).root).toBe(takeSnapshot(chain.state).root)
    expect(await node().blockHash(Number(chain.header.number))).toBe(chain.blockHash)
  })

  it('is read on from where reading was broken off', async () => {
    const path = join(folder(), 'state.sqlite')
    let answers = 0
    server.tamper = (method) => {
      if (method === 'state_queryStorageAt' && ++answers > 2) throw new Error('the node goes away')
      return undefined
    }
    const first = new StateFile(path, { source: chain.blockHash })
    await expect(readChain(node(), chain.blockHash, first)).rejects.toMatchObject({ code: 'unreachable' })
    const { count } = first
    first.close()
    expect(count).toBe(2 * PAGE)
    server.tamper = undefined
    server.requests.clear()
    const second = open(path)
    expect(second.count).toBe(count)
    await readChain(node(), chain.blockHash, second)
    expect(second.count).toBe(chain.pairs.length)
    expect(server.requests.get('state_queryStorageAt')).toBeLessThanOrEqual(
      Math.ceil((chain.pairs.length - count) / PAGE),
    )
    verifyState(second, chain.header.stateRoot)
    expect(() => open(path, 'another block')).toThrow('the state of another block')
  })

  it('is waited for where the node fails for a while', async () => {
    let failures = 4
    server.tamper = () => {
      if (failures-- > 0) throw new Error('the node is busy')
      return undefined
    }
    expect(await node().header(chain.blockHash)).toEqual(chain.header)
  })

  it('is refused from a node that lies about its shape', async () => {
    const [, [second]] = chain.pairs as [unknown, [Uint8Array]]
    const lies: [string, (truth: never, params: never) => unknown][] = [
      ['state_getKeysPaged', (truth: Hex[]) => truth.toReversed()],
      ['state_getKeysPaged', (truth: Hex[]) => [truth[0], ...truth]],
      ['state_getKeysPaged', (truth: Hex[]) => truth.map((key) => key.toUpperCase())],
      [
        'state_getKeysPaged',
        () => Array.from({ length: 1_001 }, (_, at) => `0x${at.toString(16).padStart(8, '0')}`),
      ],
      ['state_getKeysPaged', () => [`0x${'00'.repeat(9_000)}`]],
      ['state_getKeysPaged', () => 'none'],
      ['state_queryStorageAt', (truth: [{ changes: unknown[] }]) => [{ changes: truth[0].changes.slice(1) }]],
      [
        'state_queryStorageAt',
        (truth: [{ changes: [Hex, Hex][] }]) => [{ changes: truth[0].changes.map(([key]) => [key, null]) }],
      ],
      [
        'state_queryStorageAt',
        (truth: [{ changes: [Hex, Hex][] }]) => [
          { changes: truth[0].changes.map(([, value]) => [bytesToHex(second), value]) },
        ],
      ],
      ['state_queryStorageAt', () => []],
    ]
    for (const [wanted, lie] of lies) {
      server.tamper = (method, params, truth) =>
        method === wanted ? lie(truth as never, params as never) : undefined
      await expect(readChain(node(), chain.blockHash, open())).rejects.toMatchObject({ code: 'bad-answer' })
    }
    server.tamper = (method) =>
      method === 'chain_getHeader' ? { ...chain.header, stateRoot: `0x${'3'.repeat(64)}` } : undefined
    await expect(node().header(chain.blockHash)).rejects.toMatchObject({ code: 'bad-answer' })
    server.tamper = undefined
    await expect(node().header(`0x${'4'.repeat(64)}`)).rejects.toMatchObject({ code: 'not-found' })
    await expect(node().keys(`0x${'4'.repeat(64)}`, '0x', 10)).rejects.toMatchObject({ code: 'refused' })
  })

  it('is found out where the node left out, added or changed a pair', async () => {
    const lies = [
      (keys: Hex[]) => keys.filter((_, at) => at !== 5),
      (keys: Hex[]) => [...keys.slice(0, 5), `${keys[4]}00` as Hex, ...keys.slice(5, 999)],
    ]
    for (const lie of lies) {
      server.tamper = (method, params, truth) => {
        if (method === 'state_getKeysPaged') return params[2] === '0x' ? lie(truth as Hex[]) : undefined
        if (method !== 'state_queryStorageAt') return undefined
        const [{ changes }] = truth as [{ changes: [Hex, Hex | null][] }]
        return [{ changes: changes.map(([key, value]) => [key, value ?? '0x00']) }]
      }
      const file = open()
      await readChain(node(), chain.blockHash, file)
      expect(() => verifyState(file, chain.header.stateRoot)).toThrow('not the state of that block')
    }
  })

  it('has values as long as runtimes are', async () => {
    const key: Hex = '0x3a636f6465'
    const value = `0x${'ab'.repeat(4 << 20)}`
    server.tamper = () => [{ changes: [[key, value]] }]
    const [read] = await node().values(chain.blockHash, [key])
    expect(read).toHaveLength(4 << 20)
  })

  it('is not taken from a file that could say something else each time', async () => {
    const path = join(folder(), 'state.sqlite')
    new StateFile(path, { source: chain.blockHash }).close()
    const db = new DatabaseSync(path)
    db.exec(
      `ALTER TABLE pair RENAME TO other;
      CREATE VIEW pair AS SELECT key, CASE WHEN random() > 0 THEN value ELSE x'00' END AS value FROM other`,
    )
    db.close()
    expect(() => open(path)).toThrow('can not be opened as a state')
  })

  it('is read from a file that a node exported', async () => {
    const path = join(folder(), 'export.json')
    const top = Object.fromEntries(chain.pairs.map((pair) => pair.map((bytes) => bytesToHex(bytes))))
    const spec = { name: 'Phala', bootNodes: [], genesis: { raw: { top, childrenDefault: {} } } }
    for (const space of [undefined, 2]) {
      writeFileSync(path, JSON.stringify(spec, undefined, space))
      const file = open(undefined, path)
      await readExport(path, file)
      verifyState(file, chain.header.stateRoot)
    }
    for (const text of ['{}', JSON.stringify(spec).slice(0, 5_000), '{"top": {"0x01": 5}}']) {
      writeFileSync(path, text)
      await expect(readExport(path, open(undefined, path))).rejects.toMatchObject({ code: 'bad-file' })
    }
  })
})
