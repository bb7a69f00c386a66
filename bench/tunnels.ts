import { setTimeout as delay } from 'node:timers/promises'
import { say, table } from '@cloister/terminal'
import { TwoMachines } from '../packages/agent/src/networks/testing/two-machines.ts'

const SECONDS = 5
const PORT = 7000
const MIB = 1024 ** 2
const UNTIL_MS = 60_000

/** Counts what one connection brings, and tells how long that took once it ends. */
const RECEIVE = `require('net').createServer((socket) => {
  let bytes = 0, begun
  socket.on('data', (chunk) => { begun ??= performance.now(); bytes += chunk.length })
  socket.on('end', () => { console.log(JSON.stringify({ bytes, ms: performance.now() - begun })); process.exit() })
}).listen(${PORT}, '::')`
const SEND = `const chunk = Buffer.alloc(65536)
const dial = () => {
  const socket = require('net').connect(${PORT}, process.argv[1])
  socket.on('error', () => setTimeout(dial, 200)).on('connect', () => {
    const end = performance.now() + ${SECONDS * 1000}
    const more = () => { while (performance.now() < end) if (!socket.write(chunk)) return socket.once('drain', more); socket.end() }
    more()
  })
}
dial()`

/**
 * One TCP connection between two leases over their private network: over UDP, and relayed over TLS, with the
 * relay's own limit out of the way. The peer is the same connection between the machines themselves.
 */
export async function benchTunnels(): Promise<void> {
  const both = await TwoMachines.raise({ udp: true, mibPerSecond: 10_000 })
  try {
    const [one, other] = both.machines
    const program = (text: string, ...words: string[]) => [process.execPath, '-e', text, ...words]
    const measure = async (run: typeof both.inMachine, address: string) => {
      const receiving = run(1, ...program(RECEIVE))
      await run(0, ...program(SEND, address))
      const { bytes, ms } = JSON.parse(await receiving)
      return bytes / MIB / (ms / 1000)
    }
    const inLease: typeof both.inMachine = (number, ...words) => both.machines[number].inside(...words)
    const untilWay = async (way: string) => {
      for (const end = Date.now() + UNTIL_MS; ; await delay(200)) {
        await one.inside('ping', '-c1', '-W1', other.ipv6).catch(() => {})
        if ((await one.way()) === way && (await other.way()) === way) return
        if (Date.now() > end) throw new Error(`the tunnel is not ${way}`)
      }
    }
    const plain = await measure((number, ...words) => both.inMachine(number, ...words), both.addressOf(1))
    await untilWay('direct')
    const direct = await measure(inLease, other.ipv6)
    both.letUdpPass(false)
    await untilWay('relayed')
    const relayed = await measure(inLease, other.ipv6)
    const row = (name: string, speed: number) => [
      name,
      `${speed.toFixed(0)} MiB/s`,
      `${((100 * speed) / plain).toFixed(1)} %`,
    ]
    say(
      table(
        ['one TCP connection', 'speed', 'of the cable'],
        [row('between the machines', plain), row('tunnel, direct', direct), row('tunnel, relayed', relayed)],
      ),
    )
  } finally {
    await both.end()
  }
}
