import { readFile } from 'node:fs/promises'
import type { Traffic } from '../executor.ts'

/**
 * What has come into a process's network from outside and gone out of it, by the kernel's count of every
 * interface but the loopback (proc_net(5), /proc/net/dev).
 */
export async function trafficOf(pid: number): Promise<Traffic> {
  const text = await readFile(`/proc/${pid}/net/dev`, 'utf8')
  const traffic = { received: 0, sent: 0 }
  for (const line of text.split('\n').slice(2)) {
    const [name, fields] = line.split(':', 2)
    if (fields === undefined || name?.trim() === 'lo') continue
    const numbers = fields.trim().split(/\s+/).map(Number)
    traffic.received += numbers[0] ?? 0
    traffic.sent += numbers[8] ?? 0
  }
  return traffic
}
