import type { Traffic, Usage } from '../executor.ts'
import { Order } from './order.ts'

const CONTROL = '/sys/fs/cgroup'
const BETWEEN = '\n--\n'
/** Where a control group says what it has used, in version 2 and in version 1. */
const CPU = ['cpu.stat', 'cpuacct/cpuacct.usage']
const MEMORY = ['memory.current', 'memory/memory.usage_in_bytes']
const PROCESSES = ['pids.current', 'pids/pids.current']
const MOST_FILE = 4096
const MOST_INTERFACES = 16 * 1024

/** The order that prints what a container uses, and what its network brought it. */
export function usageOrder(): Buffer {
  const order = new Order()
  for (const names of [CPU, MEMORY, PROCESSES]) {
    for (const name of names) order.print(`${CONTROL}/${name}`, MOST_FILE)
    order.say(BETWEEN)
  }
  return order.print('/proc/net/dev', MOST_INTERFACES).exit(0).bytes()
}

/** Reads what such an order printed. */
export function parseUsage(text: string): { usage: Usage; traffic: Traffic } {
  const [cpu = '', memory = '', processes = '', network = ''] = text.split(BETWEEN)
  const microseconds = /^usage_usec (\d+)/m.exec(cpu)?.[1]
  const cpuSeconds = microseconds === undefined ? numberIn(cpu) / 1e9 : Number(microseconds) / 1e6
  return {
    usage: { cpuSeconds, memoryBytes: numberIn(memory), processes: numberIn(processes) },
    traffic: trafficIn(network),
  }
}

function trafficIn(text: string): Traffic {
  let [received, sent] = [0, 0]
  for (const line of text.split('\n')) {
    const [, name, numbers = ''] = /^\s*([^\s:]+):\s*(.*)$/.exec(line) ?? []
    if (name === undefined || name === 'lo') continue
    const values = numbers.trim().split(/\s+/).map(Number)
    received += values[0] || 0
    sent += values[8] || 0
  }
  return { received, sent }
}

function numberIn(text: string): number {
  return Number(/^\d{1,18}/.exec(text.trim())?.[0] ?? 0)
}
