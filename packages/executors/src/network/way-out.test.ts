import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { canRun, type OutsideHost, startOutsideHost } from '@cloister/development/engines'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { hostAddresses, openWayOut, refreshHosts } from './way-out.ts'

const OUTSIDE = '1.2.3.4'
/** A public address that the machine itself will have. */
const OWN = '1.2.3.77'
const INSIDE = [
  '10.213.78.7',
  '172.16.214.7',
  '192.168.214.7',
  '100.64.214.7',
  '169.254.78.7',
  '198.18.214.7',
  '192.0.0.9',
]
/**
 * What a program is told of an IPv4 packet that a filter refuses, at once (ICMP, "administratively
 * prohibited").
 */
const REFUSED = 'EHOSTUNREACH'
const LIMITS = { mibPerSecond: 8, connections: 8 }

describe.skipIf(!canRun('podman'))('a way out', () => {
  let mounted: string
  /**
   * A mount below one that is shared with other namespaces, as nearly all are where systemd runs, and
   * Podman's networks everywhere.
   */
  const isMounted = () => readFileSync('/proc/self/mountinfo', 'utf8').includes(` ${mounted}/below `)
  let holder: ChildProcess
  let outside: OutsideHost
  let host: ReturnType<typeof createServer>
  let port: number

  /** Runs a program in the network. */
  const inside = (program: string) => {
    const words = ['--net', `--target=${holder.pid}`, process.execPath, '-e', program]
    return execFileSync('nsenter', words, { encoding: 'utf8', timeout: 30_000 }).trim()
  }
  const reach = (address: string) =>
    inside(
      `const s=require('net').connect({host:'${address}',port:${port},timeout:5000});s.on('connect',()=>{console.log('reached');s.destroy()});` +
        `s.on('error',e=>console.log(e.code));s.on('timeout',()=>{console.log('nothing');s.destroy()})`,
    )
  const network = () => ({
    holder: holder.pid ?? 0,
    enterUser: false,
    charged: (command: string[]) => command,
  })

  beforeAll(async () => {
    host = createServer((socket) => socket.destroy()).listen(0, '::')
    await once(host, 'listening')
    port = (host.address() as AddressInfo).port
    outside = await startOutsideHost([OUTSIDE, ...INSIDE], port)
    mounted = await mkdtemp(join(tmpdir(), 'cloister-way-out-'))
    execFileSync('mount', ['--bind', mounted, mounted])
    execFileSync('mount', ['--make-shared', mounted])
    mkdirSync(join(mounted, 'below'))
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', join(mounted, 'below')])
    holder = spawn('unshare', ['--net', 'sh', '-c', 'echo up; exec sleep 600'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    if (holder.stdout) await once(holder.stdout, 'data')
    await openWayOut(network(), LIMITS)
  })

  afterAll(async () => {
    execFileSync('umount', ['--recursive', mounted])
    await rm(mounted, { recursive: true })
    holder?.kill('SIGKILL')
    outside?.stop()
    host?.close()
    execFileSync('sh', ['-c', `ip address del ${OWN}/32 dev lo 2>/dev/null; true`])
  })

  it('takes no mount from this machine', () => {
    expect(isMounted()).toBe(true)
  })

  it('leads to what is public, by TCP and UDP', () => {
    expect(reach(OUTSIDE)).toBe('reached')
    const udp = inside(
      `const s=require('dgram').createSocket('udp4');s.on('message',m=>{console.log(String(m));s.close()});s.send('there and back',${port},'${OUTSIDE}')`,
    )
    expect(udp).toBe('there and back')
  })

  it.each([4789, 8472, 6081])('leads into no network that other machines span (UDP port %i)', (at) => {
    const said = inside(
      `const s=require('dgram').createSocket('udp4');s.on('error',e=>{console.log(e.code);process.exit()});` +
        `s.connect(${at},'${OUTSIDE}',()=>s.send('x'));setTimeout(()=>{console.log('sent');process.exit()},500)`,
    )
    expect(said).toBe(REFUSED)
  })

  it.each(INSIDE)('does not lead to %s, where the machine itself gets an answer', async (address) => {
    expect(reach(address)).toBe(REFUSED)
  })

  it('does not lead to this machine, by any address that it has or gets', async () => {
    for (const address of [...hostAddresses().filter((one) => !one.includes(':')), '10.0.2.2', '10.0.2.1'])
      expect([address, reach(address)]).toEqual([address, REFUSED])
    expect(reach('127.0.0.1')).toBe('ECONNREFUSED')
    execFileSync('ip', ['address', 'add', `${OWN}/32`, 'dev', 'lo'])
    expect(reach(OWN)).toBe('reached')
    await refreshHosts(network(), [OWN])
    expect(reach(OWN)).toBe(REFUSED)
  })

  it('refuses the same of IPv6, by any way of writing it', () => {
    execFileSync('nsenter', [
      '--net',
      `--target=${holder.pid}`,
      'ip',
      '-6',
      'route',
      'replace',
      'default',
      'dev',
      'tap0',
    ])
    for (const address of [
      'fd00::2',
      '64:ff9b::a00:1',
      '2002:a00:1::1',
      '2001:db8::1',
      'fec0::1',
      '::7f00:1',
      '4000::1',
    ])
      expect([address, reach(address)]).toEqual([address, 'EACCES'])
  })

  it('goes by the address that a name has at the moment, whatever it had before', () => {
    // A name server that tells something else each time: public, then private, then public again.
    const answers = [OUTSIDE, INSIDE[0], OUTSIDE, '127.0.0.1', INSIDE[4]]
    const said = inside(`
      const dns = require('dns').promises, server = require('dgram').createSocket('udp4'), left = ${JSON.stringify(answers)}
      server.on('message', (m, f) => {
        const end = m.indexOf(0, 12) + 5, answer = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, ...left.shift().split('.').map(Number)])
        const head = Buffer.from(m.subarray(0, 12)); head.writeUInt16BE(0x8180, 2); head.writeUInt16BE(1, 6); head.writeUInt32BE(0, 8)
        server.send(Buffer.concat([head, m.subarray(12, end), answer]), f.port, f.address)
      })
      server.bind(5353, '127.0.0.1', async () => {
        const resolver = new dns.Resolver(); resolver.setServers(['127.0.0.1:5353'])
        const lookup = (name, options, done) => resolver.resolve4(name).then((all) => done(null, options.all ? all.map((address) => ({ address, family: 4 })) : all[0], 4), done)
        for (let round = 0; round < ${answers.length}; round++) console.log(await new Promise((resolve) => {
          const s = require('net').connect({ host: 'rebound.example', port: ${port}, lookup })
          s.on('connect', () => { s.destroy(); resolve('reached') }).on('error', (e) => resolve(e.code))
        }))
        process.exit()
      })`)
    expect(said.split('\n')).toEqual(['reached', REFUSED, 'reached', 'ECONNREFUSED', REFUSED])
  })

  it('asks the machine’s name servers so much a second and no more', () => {
    const told = inside(`
      const s = require('dgram').createSocket('udp4'); let [passed, refused] = [0, 0]; const began = Date.now()
      const next = () => passed + refused === 4000 ? (console.log(passed, refused, Date.now() - began), process.exit())
        : s.send('x', 53, '10.0.2.3', (error) => { error ? refused++ : passed++; next() })
      next()`)
    const [passed = 0, refused = 0, ms = 0] = told.split(' ').map(Number)
    expect(refused).toBeGreaterThan(0)
    expect(passed).toBeLessThanOrEqual(1_000 + (ms / 1000) * 500 + 10)
  })

  it('lets a lease send so much a second and no more', () => {
    const sent = inside(`
      const began = Date.now(), s = require('net').connect({ host: '${OUTSIDE}', port: ${port}, allowHalfOpen: true })
      s.resume(); s.end(Buffer.alloc(${6 * LIMITS.mibPerSecond} << 20), () => { console.log(Date.now() - began); process.exit() })`)
    // What is beyond the first two seconds' worth, and what the kernel keeps for the socket (up to 12 MiB
    // here), takes its time; without a limit all of it is gone in a fraction of a second.
    expect(Number(sent)).toBeGreaterThan(1_500)
  })

  it('gives a lease so many connections and no more', () => {
    const open = inside(
      `const all=Array.from({length:30},()=>require('net').connect({host:'${OUTSIDE}',port:${port},allowHalfOpen:true}).on('error',()=>{}));` +
        `setTimeout(()=>{console.log(all.filter(s=>s.bytesRead>0||s.readyState==='open').length);process.exit()},2500)`,
    )
    expect(Number(open)).toBeGreaterThan(0)
    expect(Number(open)).toBeLessThanOrEqual(LIMITS.connections)
  })

  it('ends with the network’s holder, and comes back where only its helper ended', async () => {
    const helpers = () => processesWith(`/proc/${holder.pid}/ns/net`)
    const [first] = helpers().filter(({ name }) => name === 'slirp4netns')
    expect(first?.pid).toBeGreaterThan(1)
    process.kill(first?.pid ?? process.pid, 'SIGKILL')
    await vi.waitFor(() => expect(reach(OUTSIDE)).toBe('reached'), { timeout: 20_000, interval: 500 })
    holder.kill('SIGKILL')
    await vi.waitFor(() => expect(helpers()).toEqual([]), { timeout: 10_000, interval: 100 })
  })
})

function processesWith(word: string): { pid: number; name: string }[] {
  return execFileSync('ps', ['-eo', 'pid=,comm=,args='], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line.includes(word))
    .map((line) => line.trim().split(/\s+/))
    .map(([pid, name]) => ({ pid: Number(pid), name: name ?? '' }))
}
