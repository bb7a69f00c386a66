import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { isAlive, killPid, markOf } from '../process.ts'
import { KERNEL_PROGRAM } from '../sandbox/dialler.ts'
import { FIRST_ID } from '../sandbox/id-range.ts'
import { run } from '../sandbox/run.ts'
import { ID_COUNT } from '../sandbox/user.ts'
import { canTunnel, type NetworkPlace } from './place.ts'
import { type LinkSettings, PrivateLinks } from './private-link.ts'
import type { WireGuard } from './wireguard.ts'

/** A network of its own, as a lease of the sandbox has one, and what it is given. */
interface Side {
  place: NetworkPlace
  key: string
  settings: LinkSettings
}

const folder = mkdtempSync(join(tmpdir(), 'cloister-links-'))
const links = new PrivateLinks(folder)
const MARK = 'nobody on the way reads this'

async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4').bind(0)
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.close()
  return port
}

async function newSide(number: number): Promise<Side> {
  const words = [KERNEL_PROGRAM, 'hold', String(FIRST_ID + number * ID_COUNT), String(ID_COUNT)]
  const pid = Number(execFileSync('perl', words, { encoding: 'utf8' }))
  const pair = generateKeyPairSync('x25519')
  const raw = (key: { export(options: { format: 'jwk' }): { d?: string; x?: string } }, part: 'd' | 'x') =>
    Buffer.from(key.export({ format: 'jwk' })[part] ?? '', 'base64url').toString('hex')
  return {
    place: { name: '', containers: ['web-0'], pid, charged: (command) => command },
    key: raw(pair.publicKey, 'x'),
    settings: {
      privateKey: raw(pair.privateKey, 'd'),
      port: await freeUdpPort(),
      ipv6: `fd12:3456:789a::${number + 1}`,
      ipv4: `100.64.0.${number + 1}`,
      routes: ['fd12:3456:789a::/48', '100.64.0.0/10'],
      limits: { mibPerSecond: 64 },
    },
  }
}

const addressesOf = ({ settings: { ipv6, ipv4 } }: Side) => [ipv6, ipv4]

/** Runs a program in a side's network. */
const inside = ({ place }: Side, ...command: string[]) =>
  run(['nsenter', `--target=${place.pid}`, '--net', '--', ...command], { timeoutMs: 20_000 })

const LISTEN = `use IO::Socket::IP; my $l = IO::Socket::IP->new(Listen => 5, LocalHost => '::', LocalPort => 7000, ReuseAddr => 1, V6Only => 0) or die $@;
  $SIG{CHLD} = 'IGNORE'; exit 0 if fork; close STDOUT; close STDERR; alarm 60; while (my $c = $l->accept) { my $line = <$c>; print $c "heard $line"; close $c }`
const ASK = `use IO::Socket::IP; my $s = IO::Socket::IP->new(PeerHost => $ARGV[0], PeerPort => 7000, Timeout => 10) or die "$@\\n"; print $s "$ARGV[1]\\n"; print <$s>`

/** A way for datagrams that keeps what passes. */
async function tap(to: number): Promise<{ port: number; seen: Buffer[]; close(): void }> {
  const [front, back] = [createSocket('udp4').bind(0, '127.0.0.1'), createSocket('udp4').bind(0, '127.0.0.1')]
  await Promise.all([once(front, 'listening'), once(back, 'listening')])
  const seen: Buffer[] = []
  let from = 0
  front.on('message', (datagram, { port }) => {
    from = port
    seen.push(datagram)
    back.send(datagram, to, '127.0.0.1')
  })
  back.on('message', (datagram) => {
    seen.push(datagram)
    front.send(datagram, from, '127.0.0.1')
  })
  const close = (socket: Socket) => socket.close()
  return { port: front.address().port, seen, close: () => [front, back].forEach(close) }
}

describe.skipIf(!canTunnel())('tunnels of a private network', () => {
  let [one, other]: [Side, Side] = [] as unknown as [Side, Side]

  beforeAll(async () => {
    ;[one, other] = [await newSide(0), await newSide(1)]
    await inside(other, 'perl', '-e', LISTEN)
  })
  afterEach(async () => {
    for (const id of await links.all()) await links.close(id)
  })
  afterAll(() => {
    for (const { place } of [one, other]) killPid(place.pid, 9)
    rmSync(folder, { recursive: true, force: true })
  })

  async function join(): Promise<[WireGuard, WireGuard]> {
    const ends: [WireGuard, WireGuard] = [
      await links.open('one', one.place, one.settings),
      await links.open('other', other.place, other.settings),
    ]
    await ends[0].setPeers([{ key: other.key, addresses: addressesOf(other) }])
    await ends[1].setPeers([{ key: one.key, addresses: addressesOf(one) }])
    return ends
  }

  it('carry IPv6 and IPv4 from one network to another, and show nobody on the way what', async () => {
    const [first, second] = await join()
    const line = await tap(other.settings.port)
    await first.setEndpoint(other.key, `127.0.0.1:${line.port}`)
    for (const address of addressesOf(other))
      expect(await inside(one, 'perl', '-e', ASK, address, MARK)).toBe(`heard ${MARK}\n`)
    line.close()
    // Every datagram is one of WireGuard's four messages, and none has the text in it.
    expect(line.seen.length).toBeGreaterThan(6)
    for (const datagram of line.seen) {
      expect(datagram.readUInt32LE(0)).toBeOneOf([1, 2, 3, 4])
      expect(datagram.includes(MARK.slice(0, 8))).toBe(false)
    }
    const [state] = await second.state()
    expect(state?.key).toBe(one.key)
    expect(Math.abs(Date.now() / 1000 - (state?.handshakeAt ?? 0))).toBeLessThan(60)
    expect(state?.receivedBytes).toBeGreaterThan(100)
  })

  it('let nobody in whose key was not given, nor anybody under another’s address', async () => {
    const [first, second] = await join()
    await second.setPeers([])
    await first.setEndpoint(other.key, `127.0.0.1:${other.settings.port}`)
    const ask = () => inside(one, 'perl', '-e', ASK.replace('10)', '2)'), other.settings.ipv6, MARK)
    await expect(ask()).rejects.toThrow()
    expect(await second.state()).toEqual([])
    await second.setPeers([{ key: one.key, addresses: ['100.64.9.9'] }])
    await expect(ask()).rejects.toThrow()
    await second.setPeers([{ key: one.key, addresses: addressesOf(one) }])
    expect(await vi.waitFor(ask, 15_000)).toContain(MARK)
  })

  it('are found again by whoever comes after, and made anew where what is wanted differs', async () => {
    await join()
    const recordOf = async () => JSON.parse(await readFile(`${folder}/one.json`, 'utf8')).process
    const first = await recordOf()
    await new PrivateLinks(folder).open('one', one.place, one.settings)
    expect(await recordOf()).toEqual(first)
    await links.open('one', one.place, { ...one.settings, port: await freeUdpPort() })
    const second = await recordOf()
    expect(second).not.toEqual(first)
    expect([isAlive(first), isAlive(second)]).toEqual([false, true])
    await links.close('one')
    await vi.waitFor(() => expect(isAlive(second)).toBe(false))
    await vi.waitFor(() => expect(inside(one, 'ip', 'link', 'show', 'private0')).rejects.toThrow())
  })

  it('end with the network that they lead into', async () => {
    const third = await newSide(2)
    await links.open('third', third.place, third.settings)
    const { process } = JSON.parse(await readFile(`${folder}/third.json`, 'utf8'))
    expect(isAlive(process)).toBe(true)
    killPid(third.place.pid, 9)
    await vi.waitFor(() => expect(isAlive(process)).toBe(false), 10_000)
    await expect(links.open('third', third.place, third.settings)).rejects.toThrow('ended')
    expect(markOf(third.place.pid)).toBeUndefined()
    expect(existsSync('/sys/class/net/private0')).toBe(false)
  })
})
