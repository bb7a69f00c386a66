import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'

/**
 * A host beyond this machine, in a network namespace of its own, for tests that may not use a real network.
 */
export interface OutsideHost {
  /** The TCP port that answers `outside` and reads on, and the UDP port that sends back what comes. */
  port: number
  /** Ends it; the machine's routes to it go with it. */
  stop(): void
}

const SERVER = `
  const tcp = require('net').createServer((s) => { s.on('error', () => {}); s.resume(); s.end('outside ' + s.remoteAddress) })
  const udp = require('dgram').createSocket({ type: 'udp6', ipv6Only: false })
  udp.on('message', (message, from) => udp.send(message, from.port, from.address))
  process.stdin.once('data', (data) => tcp.listen(Number(data), '::', () => udp.bind(Number(data), '::', () => console.log('up'))))
  process.stdin.on('end', () => process.exit())
`
let made = 0

/**
 * Makes a host that has `addresses` (IPv4 and IPv6) and answers on `port` of each. The machine it runs on
 * gets a route to exactly these addresses. Needs root.
 */
export async function startOutsideHost(addresses: readonly string[], port: number): Promise<OutsideHost> {
  const name = `clo${process.pid % 100_000}x${made++}`
  const child = spawn('unshare', ['--net', process.execPath, '-e', SERVER], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const pid = String(child.pid)
  const ip = (...args: string[]) => execFileSync('ip', args)
  const inside = (...args: string[]) => execFileSync('nsenter', ['--net', '--target', pid, 'ip', ...args])
  try {
    await waitForNamespace(pid)
    ip('link', 'add', name, 'type', 'veth', 'peer', 'name', 'out0', 'netns', pid)
    ip('link', 'set', name, 'up')
    for (const step of ['link set lo up', 'link set out0 up', 'route add default dev out0'])
      inside(...step.split(' '))
    inside('-6', 'route', 'add', 'default', 'dev', 'out0')
    for (const address of addresses) {
      const [family, length] = address.includes(':') ? ['-6', '128'] : ['-4', '32']
      inside(
        family,
        'address',
        'add',
        `${address}/${length}`,
        'dev',
        'out0',
        ...(length === '128' ? ['nodad'] : []),
      )
      ip(family, 'route', 'add', `${address}/${length}`, 'dev', name)
    }
    child.stdin.write(`${port}\n`)
    await once(child.stdout, 'data')
  } catch (error) {
    child.kill('SIGKILL')
    throw error
  }
  return { port, stop: () => void child.kill('SIGKILL') }
}

/** Until it has left this process's network namespace. */
async function waitForNamespace(pid: string): Promise<void> {
  const own = execFileSync('readlink', ['/proc/self/ns/net'], { encoding: 'utf8' })
  for (let attempt = 0; attempt < 500; attempt++) {
    const theirs = execFileSync('readlink', [`/proc/${pid}/ns/net`], { encoding: 'utf8' })
    if (theirs !== own) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error('no network namespace can be made')
}
