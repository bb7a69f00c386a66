import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { NetworkReport } from '@cloister/core'
import type { Hex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { run } from '../../../../executors/src/sandbox/run.ts'
import type { Way } from '../course.ts'
import type { MachineSetup, MachineUp, Other } from './machine.ts'

type Report = Omit<NetworkReport, 'member'>

/** One machine, and a lease on it. */
export interface TestMachine extends MachineUp {
  lease: Hex
  workerSecret: Hex
  report(): Promise<Report>
  /** How packets go to the other lease. */
  way(): Promise<Way | undefined>
  /** Runs a program in the lease's network. */
  inside(...command: string[]): Promise<string>
}

const PROGRAM = join(import.meta.dirname, 'machine.ts')
const LINES = ['10.213.0.1', '10.213.0.2'] as const
const TENANT = privateKeyToAccount(`0x${'01'.repeat(32)}`).address
const LEASES = [`0x${'aa'.repeat(32)}`, `0x${'bb'.repeat(32)}`] as const
const SECRETS = [`0x${'02'.repeat(32)}`, `0x${'03'.repeat(32)}`] as const

/** Two machines, each in a network namespace of its own, with a cable between them. */
export class TwoMachines {
  readonly machines: [TestMachine, TestMachine]
  private readonly spaces: [string, string]
  private readonly children: ChildProcess[]
  private readonly folder: string

  private constructor(parts: {
    machines: [TestMachine, TestMachine]
    spaces: [string, string]
    children: ChildProcess[]
    folder: string
  }) {
    this.machines = parts.machines
    this.spaces = parts.spaces
    this.children = parts.children
    this.folder = parts.folder
  }

  /** `udp`: whether it passes at first. `mibPerSecond`: what relays may bring. */
  static async raise({ udp, mibPerSecond }: { udp: boolean; mibPerSecond: number }): Promise<TwoMachines> {
    const folder = mkdtempSync(join(tmpdir(), 'cloister-machines-'))
    const spaces = [`clo${process.pid}a`, `clo${process.pid}b`] as [string, string]
    layCable(spaces)
    if (!udp) dropUdp(spaces[0], true)
    const children = spaces.map((space) =>
      spawn('ip', ['netns', 'exec', space, process.execPath, '--no-warnings', PROGRAM], {
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      }),
    )
    const ups = await Promise.all(
      children.map((child, number) => {
        const other = 1 - number
        const setup = {
          number,
          address: LINES[number] ?? '',
          other: LINES[other] ?? '',
          folder: join(folder, String(number)),
          lease: LEASES[number] ?? '0x',
          otherLease: LEASES[other] ?? '0x',
          tenant: TENANT,
          workerSecret: SECRETS[number] ?? '0x',
          otherWorker: privateKeyToAccount(SECRETS[other] ?? '0x').address,
          mibPerSecond,
        } satisfies MachineSetup
        return ask<MachineUp>(child, setup)
      }),
    )
    const machines = ups.map((up, number): TestMachine => {
      const child = children[number] as ChildProcess
      const report = () => ask<Report>(child, { report: true })
      return {
        ...up,
        lease: LEASES[number] as Hex,
        workerSecret: SECRETS[number] as Hex,
        report,
        way: async () => (await report()).peers[0]?.tunnels[0]?.way,
        inside: (...command) =>
          run(['nsenter', `--target=${up.pid}`, '--net', '--', ...command], { timeoutMs: 60_000 }),
      }
    }) as [TestMachine, TestMachine]
    await Promise.all(
      children.map((child, number) => {
        const { member, endpoint, tlsKeyHash } = ups[1 - number] as MachineUp
        return ask(child, { meet: { member, endpoint, tlsKeyHash } satisfies Other })
      }),
    )
    return new TwoMachines({ machines, spaces, children, folder })
  }

  /** The address of a machine at the cable. */
  addressOf(number: 0 | 1): string {
    return LINES[number]
  }

  /** Runs a program on a machine itself. */
  inMachine(number: 0 | 1, ...command: string[]): Promise<string> {
    return run(['ip', 'netns', 'exec', this.spaces[number], ...command], { timeoutMs: 60_000 })
  }

  /** Has UDP pass between the machines, or not. */
  letUdpPass(passes: boolean): void {
    dropUdp(this.spaces[0], !passes)
  }

  async end(): Promise<void> {
    const exits = this.children.map((child) => (child.exitCode === null ? once(child, 'exit') : undefined))
    for (const child of this.children) child.disconnect()
    await Promise.race([Promise.all(exits), delay(10_000, undefined, { ref: false })])
    for (const child of this.children) child.kill('SIGKILL')
    for (const space of this.spaces) ip('netns', 'del', space)
    rmSync(this.folder, { recursive: true, force: true })
  }
}

function ip(...words: string[]): void {
  execFileSync('ip', words, { stdio: 'pipe' })
}

function layCable([one, other]: [string, string]): void {
  ip('netns', 'add', one)
  ip('netns', 'add', other)
  ip('-n', one, 'link', 'add', 'cable', 'type', 'veth', 'peer', 'name', 'cable', 'netns', other)
  for (const [number, space] of [one, other].entries()) {
    ip('-n', space, 'address', 'add', `${LINES[number]}/24`, 'dev', 'cable')
    ip('-n', space, 'link', 'set', 'cable', 'up')
    ip('-n', space, 'link', 'set', 'lo', 'up')
  }
}

/** A firewall on one machine that lets no UDP through the cable, either way; or none. */
function dropUdp(space: string, drops: boolean): void {
  const chain = (hook: string, side: string) =>
    `chain ${hook} { type filter hook ${hook} priority 0; ${side} "cable" meta l4proto udp drop; }`
  const rules = drops ? [chain('input', 'iifname'), chain('output', 'oifname')] : []
  const text = ['table inet test', 'delete table inet test', 'table inet test {', ...rules, '}', ''].join(
    '\n',
  )
  execFileSync('ip', ['netns', 'exec', space, 'nft', '-f', '-'], { input: text })
}

async function ask<T>(child: ChildProcess, message: object): Promise<T> {
  const settled = new AbortController()
  const { signal } = settled
  try {
    const answer = once(child, 'message', { signal })
    const end = once(child, 'exit', { signal }).then(() => Promise.reject(new Error('the machine ended')))
    child.send(message)
    const [said] = await Promise.race([answer, end])
    return said as T
  } finally {
    settled.abort()
  }
}
