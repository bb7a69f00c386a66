import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { canDeploy, commandLine, processesWith, until, untilGone } from './embedded.ts'

const HELLO = resolve(import.meta.dirname, '../examples/hello/compose.yaml')
const MAIN = resolve(import.meta.dirname, '../apps/devnet/src/main.mjs')

describe.skipIf(!canDeploy)('npm start', () => {
  let folder: string
  let command: ReturnType<typeof commandLine>

  /** Starts the network as a person does, and resolves with what it printed once it is up. */
  const start = async (...flags: string[]) => {
    const child = spawn(
      process.execPath,
      [
        '--disable-warning=ExperimentalWarning',
        MAIN,
        '--folder',
        join(folder, 'state'),
        '--free-ports',
        ...flags,
      ],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    )
    let printed = ''
    child.stdout.on('data', (chunk) => (printed += chunk))
    child.stderr.on('data', (chunk) => (printed += chunk))
    const ended = new Promise<number | null>((done) => child.once('exit', done))
    await until(
      'the network is up',
      async () =>
        printed.includes('Ctrl-C stops everything') ||
        (child.exitCode !== null && Promise.reject(new Error(printed))),
      150_000,
    )
    return {
      printed: () => printed,
      interrupt: async () => {
        child.kill('SIGINT')
        return ended
      },
      kill: async () => {
        child.kill('SIGKILL')
        return ended
      },
    }
  }

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cloister-start-'))
    command = commandLine(join(folder, 'state/network.json'), folder)
  })

  afterAll(() => rm(folder, { recursive: true, force: true }))

  it('stops cleanly with Ctrl-C and resumes with the same leases and balances', async () => {
    const first = await start()
    for (const word of [
      'chain',
      'index',
      'gateway',
      'oak',
      'elm',
      'ash',
      'dev0',
      'dev8',
      'simulated',
      'USDC an hour',
      'npx cloister deploy',
    ])
      expect(first.printed()).toContain(word)
    const lease = await command.json('deploy', HELLO, '--for', '2h', '--name', 'keeps', '--yes')
    await fetch(lease.url.web)
    const visits = Number(/visits">(\d+)/.exec(await (await fetch(lease.url.web)).text())?.[1])
    expect(await first.interrupt()).toBe(0)
    await untilGone(folder)

    await delay(3_000)
    const second = await start()
    const status = await until('the lease runs again', async () => {
      const found = await command.json('status', 'keeps')
      return found.state === 'running' && found
    })
    expect(status.lease).toBe(lease.lease)
    expect(status.url).toEqual(lease.url)
    // While the network was down the worker was not covered, so those seconds cost nothing.
    const chainSeconds = (Date.now() / 1000 - status.openedAt) * Number(status.ratePerSecond)
    expect(Number(status.spent)).toBeLessThan(chainSeconds)
    expect(BigInt(status.spent) + BigInt(status.balance)).toBe(BigInt(lease.deposit))
    expect(Number(/visits">(\d+)/.exec(await (await fetch(lease.url.web)).text())?.[1])).toBe(visits + 1)
    expect((await command.cloister('status', 'hello', '--account', 'dev8')).stdout).toContain('running')

    // Killed, it leaves nothing running that the next start could not deal with.
    await second.kill()
    await until(
      'daemons notice',
      async () => processesWith('provider run').filter((line) => line.includes(folder)).length === 0,
    )
    const third = await start()
    expect((await command.json('status', 'keeps')).state).toMatch(/running|starting/)
    expect(await third.interrupt()).toBe(0)

    const fresh = await start('--fresh')
    expect(await command.json('ps')).toEqual([])
    expect(await fresh.interrupt()).toBe(0)
    await untilGone(folder)
  }, 420_000)
})
