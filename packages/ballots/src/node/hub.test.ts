import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect as connectTo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Wallet } from '@ethersproject/wallet'
import type { Address, Hex } from 'viem'
import { generatePrivateKey } from 'viem/accounts'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { publishDocument } from '../document.ts'
import { HubClient } from '../hub-client.ts'
import { isReceiptOf, type Receipt } from '../receipt.ts'
import { snapshot } from '../testing/snapshot.ts'
import { FakeSource, fakeBallot } from '../testing/source.ts'
import type { RunningHub } from './server.ts'
import { startHub } from './server.ts'

const SPACE = 'cloister.eth'
const BALLOTS: Address = `0x${'b0'.repeat(20)}`
const NOW = Math.floor(Date.now() / 1000)
const CLOI = 10n ** 18n
const network = { name: 'test', chainId: 31337 }

let folder: string
let source: FakeSource
let clock: number
const running: RunningHub[] = []

async function start(name = 'hub', more: object = {}): Promise<RunningHub> {
  const hub = await startHub({
    // Only contract wallets' signatures are asked of the chain.
    chain: { network, client: {} } as never,
    source: () => source,
    ballots: BALLOTS,
    space: SPACE,
    folder: join(folder, name),
    host: '127.0.0.1',
    port: 0,
    warn: () => {},
    now: () => clock,
    limits: { requestsPerSecond: Number.POSITIVE_INFINITY },
    ...more,
  })
  running.push(hub)
  return hub
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cloister-hub-'))
  source = new FakeSource()
  source.ballots.push(fakeBallot(NOW - 3_600))
  clock = NOW
})
afterEach(async () => {
  await Promise.all(running.splice(0).map((hub) => hub.stop()))
  rmSync(folder, { recursive: true, force: true })
})

const ballot = () => source.ballots[0] as (typeof source.ballots)[0]
function voter(liquid = CLOI): Wallet {
  const wallet = new Wallet(generatePrivateKey())
  source.powers.set(wallet.address as Address, liquid > 0n ? [{ bit: 0, kind: 'liquid', worth: liquid }] : [])
  return wallet
}
interface Answer {
  id: Hex
  ipfs: string
  relayer: { address: Address; receipt: Hex }
  receipt: Receipt
}
const castAt = (url: string, wallet: Wallet, message: object = {}): Promise<Answer> =>
  new snapshot.Client712(url).vote(wallet, wallet.address, {
    space: SPACE,
    proposal: ballot().id,
    type: 'basic',
    choice: 1,
    ...message,
  } as never) as Promise<Answer>
const refusal = (promise: Promise<unknown>) =>
  promise.then(
    () => 'taken',
    (error) => `${error.code}: ${error.error_description}`,
  )
const ask = (url: string, query: object): Promise<Record<string, never>> =>
  snapshot.utils.subgraphRequest(`${url}/graphql`, query)

describe('a vote that snapshot.js casts', () => {
  it('is taken with a receipt, published by its content, and read again by snapshot.js', async () => {
    const { url } = await start()
    const wallet = voter(5n * CLOI + 1n)
    const answer = await castAt(url, wallet, { choice: 2, reason: 'too dear' })
    const place = { chainId: network.chainId, ballots: BALLOTS }
    expect(await isReceiptOf(answer.receipt, answer.id, place)).toBe(true)
    expect(await isReceiptOf({ ...answer.receipt, receivedAt: 1 }, answer.id, place)).toBe(false)

    const text = await (await fetch(`${url}/ipfs/${answer.ipfs}`)).text()
    const record = JSON.parse(text)
    expect(record).toMatchObject({ address: wallet.address, hash: answer.id })
    expect(await snapshot.utils.verify(wallet.address, record.sig, record.data, '1')).toBe(true)
    // The content id ends in the SHA-256 of what was given.
    const digest = createHash('sha256').update(text).digest('hex')
    expect(digestOf(answer.ipfs)).toBe(digest)

    const { votes, proposal, vp } = await ask(url, {
      votes: {
        __args: { first: 10, where: { proposal: ballot().id, space_in: [SPACE] } },
        id: true,
        voter: true,
        choice: true,
        vp: true,
        vpExact: true,
        reason: true,
        proposal: { title: true },
      },
      proposal: {
        __args: { id: ballot().id },
        title: true,
        choices: true,
        state: true,
        scores: true,
        scoresExact: true,
        votes: true,
        space: { id: true },
      },
      vp: { __args: { voter: wallet.address, space: SPACE, proposal: ballot().id }, vp: true },
    })
    expect(votes).toEqual([
      {
        id: answer.id,
        voter: wallet.address,
        choice: 2,
        vp: 5,
        vpExact: String(5n * CLOI + 1n),
        reason: 'too dear',
        proposal: { title: 'Pay the auditors' },
      },
    ])
    expect(proposal).toMatchObject({
      choices: ['For', 'Against', 'Abstain'],
      state: 'active',
      scores: [0, 5, 0],
      scoresExact: ['0', String(5n * CLOI + 1n), '0'],
      votes: 1,
      space: { id: SPACE },
    })
    expect(vp).toEqual({ vp: 5 })
    const scores = await snapshot.utils.getScores(SPACE, [], '1', [wallet.address], 'latest', url)
    expect(scores).toEqual([{ [wallet.address]: 5 }])
    const asked = await snapshot.utils.getVp(wallet.address, '1', [], 'latest', SPACE, false, { url })
    expect(asked).toMatchObject({ vp: 5 })
  })

  it('takes the place of the voter’s last one, and what is older does not', async () => {
    const { url, hub } = await start()
    const wallet = voter()
    await castAt(url, wallet, { timestamp: NOW - 10 })
    await castAt(url, wallet, { timestamp: NOW - 5, choice: 2 })
    await castAt(url, wallet, { timestamp: NOW - 20, choice: 3 })
    expect(hub.count(ballot()).scores).toEqual([0n, CLOI, 0n])
    expect(source.asked).toBe(1)
    // All three are published.
    expect((await (await fetch(`${url}/export`)).text()).trim().split('\n')).toHaveLength(3)
  })

  it('of every kind of ballot is counted', async () => {
    const { url, hub } = await start()
    const cases = [
      ['single-choice', 2, [0n, CLOI, 0n]],
      ['approval', [1, 3], [CLOI, 0n, CLOI]],
      ['weighted', { 1: 3, 2: 1 }, [(CLOI * 3n) / 4n, CLOI / 4n, 0n]],
      ['ranked-choice', [3, 1, 2], [0n, 0n, CLOI]],
    ] as const
    for (const [at, [kind, choice, scores]] of cases.entries()) {
      const one = fakeBallot(NOW - 60, { id: `0x${String(at + 1).repeat(64)}`, kind })
      source.ballots.push(one)
      await castAt(url, voter(), { proposal: one.id, type: kind, choice })
      expect(hub.count(one).scores).toEqual(scores)
    }
  })

  it('is refused with the reason, in words that snapshot.js passes on', async () => {
    const { url } = await start()
    const wallet = voter()
    const day = 86_400
    const cast = (message: object, by = wallet) => refusal(castAt(url, by, message))
    expect(await cast({ space: 'other.eth' })).toMatch(/^bad-request: .*other\.eth/)
    expect(await cast({ proposal: `0x${'cd'.repeat(32)}` })).toMatch(/^not-found: /)
    expect(await cast({ choice: 4 })).toMatch(/^bad-request: .*none of the choices 1 to 3/)
    expect(await cast({ choice: 0 })).toMatch(/^bad-request: /)
    expect(await cast({ timestamp: NOW - 7 * day })).toMatch(/^not-voting: .*voting begins only at/)
    expect(await cast({ timestamp: NOW + 400 })).toMatch(/^bad-request: .*too far ahead/)
    expect(await cast({ timestamp: NOW - 2 * 3_600 })).toMatch(/^not-voting: .*voting begins only at/)
    expect(await cast({}, voter(0n))).toMatch(/^no-power: /)
    expect(await cast({ from: voter().address })).toMatch(/^bad-request: .*for 0x/)
    const again = { timestamp: NOW - 1 }
    expect(await cast(again)).toBe('taken')
    expect(await cast(again)).toMatch(/^exists: /)
    // Signed at the beginning, and handed in at the end.
    clock = ballot().end - 1
    expect(await cast({ timestamp: NOW - 2 })).toBe('taken')
    clock = ballot().end + 1
    expect(await cast({ timestamp: ballot().end - 1 })).toMatch(/^not-voting: .*ended/)
  })

  it('is refused where another key signed it', async () => {
    const { url } = await start()
    const [wallet, other] = [voter(), voter()]
    const signer = Object.assign(Object.create(other), {
      _signTypedData: other._signTypedData.bind(other),
    })
    expect(
      await refusal(
        new snapshot.Client712(url).vote(signer, wallet.address, {
          space: SPACE,
          proposal: ballot().id,
          type: 'basic',
          choice: 1,
        } as never),
      ),
    ).toMatch(/^unauthorized: /)
  })
})

describe('a hub', () => {
  it('has after a crash what it gave receipts for, and another one takes it all', async () => {
    const first = await start('first')
    const wallets = [voter(), voter(2n * CLOI)]
    for (const wallet of wallets) await castAt(first.url, wallet)
    // As after kill -9: opened again beside the one that never closed.
    const again = await start('first')
    expect(again.hub.count(ballot()).total).toBe(3n * CLOI)
    expect(again.hub.parts.key.address).toBe(first.hub.parts.key.address)
    const {
      json: text,
      contentHash,
      uri,
    } = publishDocument({ title: 'Pay', body: 'x'.repeat(1_000), choices: [] })
    const publish = () => fetch(`${again.url}/texts`, { method: 'POST', body: text })
    expect((await publish()).status).toBe(404)
    Object.assign(ballot(), { contentHash, isTextMissing: true })
    expect(await (await publish()).json()).toEqual({ uri })
    // Voting is over by now; what was signed in time is taken all the same.
    clock = ballot().end + 60
    const other = await start('other', { mirrors: [again.url] })
    await expect.poll(() => other.hub.count(ballot()).total).toBe(3n * CLOI)
    const [one, two] = await Promise.all(
      [again, other].map(async ({ url }) => (await fetch(`${url}/export?proposal=${ballot().id}`)).text()),
    )
    expect(two).toBe(one)
    await expect.poll(() => other.hub.parts.store.text(ballot().contentHash)).toBe(text)
  })

  it('waits for a node that is behind, and takes what another hub had of a ballot then', async () => {
    const first = await start('first')
    await castAt(first.url, voter())
    const [known] = source.ballots.splice(0)
    const warned: string[] = []
    const more = { mirrors: [first.url], mirrorMs: 20, warn: (message: string) => warned.push(message) }
    const behind = await start('behind', more)
    const looks = vi.spyOn(behind.hub, 'takeFromOther')
    await expect.poll(() => looks.mock.calls.length).toBeGreaterThan(2)
    expect(behind.hub.parts.store.counts().votes).toBe(0)
    source.ballots.push(known as (typeof source.ballots)[0])
    await expect.poll(() => behind.hub.parts.store.counts().votes).toBe(1)
    // A hub that makes ballots up is not waited for without end.
    source.ballots.splice(0)
    const other = await start('misled', more)
    await expect.poll(() => warned).toMatchObject([/1 votes of the hub at .* are of no ballot here/])
    expect(other.hub.parts.store.counts().votes).toBe(0)
    source.ballots.push(known as (typeof source.ballots)[0])
  })

  it('counts what delegators cast themselves for them, whoever came first', async () => {
    const { url, hub } = await start()
    const [provider, delegator] = [voter(), voter()]
    const own = provider.address as Address
    source.powers.set(own, [{ bit: 1, kind: 'pool', provider: own, worth: 10n }])
    source.powers.set(delegator.address as Address, [
      { bit: 0, kind: 'liquid', worth: 1n },
      { bit: 1, kind: 'stake', provider: own, worth: 4n },
    ])
    await castAt(url, provider)
    expect(hub.count(ballot()).scores).toEqual([10n, 0n, 0n])
    await castAt(url, delegator, { choice: 2 })
    expect(hub.count(ballot()).scores).toEqual([6n, 5n, 0n])
  })

  it('gives all it has to whoever reads slowly without holding it in memory', async () => {
    const { port, url, hub } = await start()
    const { store } = hub.parts
    let given = 0
    // What store would read: 20 MB.
    vi.spyOn(store, 'export').mockImplementation(function* () {
      for (let number = 1; number <= 4_000; number++, given++) yield { number, envelope: 'x'.repeat(5_000) }
    })
    const socket = connectTo(port, '127.0.0.1').pause()
    socket.write('GET /export HTTP/1.1\r\nhost: hub\r\n\r\n')
    await expect.poll(() => given).toBeGreaterThan(0)
    // Until the kernel takes no more.
    let before = -1
    await expect.poll(() => given === before || void (before = given), { interval: 100 }).toBe(true)
    expect(given).toBeLessThan(3_000)
    socket.destroy()
    vi.mocked(store.export).mockRestore()

    const wallets = [voter(), voter()]
    for (const wallet of wallets) await castAt(url, wallet)
    const read: string[] = []
    for await (const { from } of new HubClient(url).votes(ballot().id)) read.push(from)
    expect(read).toEqual(wallets.map(({ address }) => address))
  })

  it('answers no question that asks for too much', async () => {
    const { url } = await start()
    const answer = async (query: string) => {
      const response = await fetch(`${url}/graphql`, { method: 'POST', body: JSON.stringify({ query }) })
      return JSON.stringify(await response.json())
    }
    const many = Array.from({ length: 11 }, (_, at) => `a${at}: votes { id }`).join(' ')
    expect(await answer(`{ ${many} }`)).toMatch(/at most 10 fields/)
    expect(await answer(`query { ...a } fragment a on Query { ${many} }`)).toMatch(/at most 10 fields/)
    expect(await answer(`{ ${'space { id } '.repeat(1_000)} }`)).toMatch(/tokens/)
    expect(await answer('{ nothing }')).toMatch(/Cannot query field/)
    expect(await answer('{ proposals(where: {state: "closed"}) { id } }')).toBe('{"data":{"proposals":[]}}')
    const large = await fetch(`${url}/graphql`, { method: 'POST', body: 'x'.repeat(40_000) })
    expect(large.status).toBe(413)
  })

  it('has whoever asks too much come again later', async () => {
    const { url } = await start('hub', { limits: { requestsPerSecond: 1, burst: 2 } })
    const statuses = []
    for (let i = 0; i < 3; i++) statuses.push((await fetch(`${url}/health`)).status)
    expect(statuses).toEqual([200, 200, 429])
  })

  it('tells clients apart behind a proxy that it knows, and believes nobody else', async () => {
    const limits = { requestsPerSecond: 0.01, burst: 1 }
    const ask = async (url: string, forwarded: string) =>
      (await fetch(`${url}/health`, { headers: { 'x-forwarded-for': forwarded } })).status
    const { url } = await start('behind', { limits, proxies: { forwardedBy: ['127.0.0.1', '10.0.0.0/8'] } })
    expect(await ask(url, '192.0.2.1')).toBe(200)
    expect(await ask(url, '192.0.2.2')).toBe(200)
    // What the client itself says stands before what the proxies saw.
    expect(await ask(url, '198.51.100.9, 192.0.2.1')).toBe(429)
    expect(await ask(url, '192.0.2.1, 10.1.2.3')).toBe(429)
    // Of what is no address, the proxy's own.
    expect(await ask(url, 'nobody')).toBe(200)
    expect(await ask(url, '192.0.2.3, unknown')).toBe(429)
    const open = await start('open', { limits })
    expect(await ask(open.url, '192.0.2.1')).toBe(200)
    expect(await ask(open.url, '192.0.2.2')).toBe(429)
  })

  it('takes the PROXY protocol from load balancers that it knows alone', async () => {
    const limits = { requestsPerSecond: 0.01, burst: 1 }
    const ask = async (port: number, client: string) => {
      const socket = connectTo(port, '127.0.0.1')
      socket.end(
        `PROXY TCP4 ${client} 127.0.0.1 1 2\r\nGET /health HTTP/1.1\r\nhost: hub\r\nconnection: close\r\n\r\n`,
      )
      let said = ''
      for await (const piece of socket) said += piece
      return /^HTTP\/1.1 (\d+)/.exec(said)?.[1]
    }
    const { port } = await start('balanced', { limits, proxies: { proxyProtocolFrom: ['127.0.0.1'] } })
    const statuses = [
      await ask(port, '192.0.2.1'),
      await ask(port, '192.0.2.1'),
      await ask(port, '192.0.2.2'),
    ]
    expect(statuses).toEqual(['200', '429', '200'])
    const open = await start('plain', { limits })
    expect(await ask(open.port, '192.0.2.1')).toBe('400')
  })
})

/** The digest in a CIDv1, in hexadecimal digits. */
function digestOf(content: string): string {
  const bits = [...content.slice(1)]
    .map((digit) => 'abcdefghijklmnopqrstuvwxyz234567'.indexOf(digit).toString(2).padStart(5, '0'))
    .join('')
  const bytes = bits.match(/.{8}/g)?.map((byte) => Number.parseInt(byte, 2)) ?? []
  return Buffer.from(bytes.slice(4)).toString('hex')
}
