import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  closeLease,
  connectWallet,
  getLease,
  openLease,
  registerWorker,
  settleLeases,
  signBid,
} from '@cloister/chain'
import { developmentAccount } from '@cloister/development/accounts'
import { coverWorker } from '@cloister/development/chain'
import { DevelopmentRoot } from '@cloister/development/root'
import { ChainDoor, ensureContracts, fundTenants, JournaledChain, type Pace } from '@cloister/devnet/chain'
import { packedProgram } from '@cloister/packed'
import { IndexClient } from '@cloister/sdk'
import { type Hex, zeroHash } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { freePort, until } from '../embedded.ts'

const HEARTBEAT_SECONDS = 10
const WORKERS = 3

/** What an hour of the chain's life looked like. */
export interface Hour {
  hour: number
  blocks: number
  /** Resident memory of the engine, MiB. */
  engineMiB: number
  /** All files of the chain, KiB. */
  filesKiB: number
  /** Median of an `eth_call`, milliseconds. */
  callMs: number
  /** Median of a block's making, milliseconds. */
  blockMs: number
  /** Taking the chain up again after a stop, milliseconds. */
  startMs: number
  /** Resident memory of the index's process, MiB. */
  indexMiB: number
  /** The index's database, MiB. */
  indexFilesMiB: number
  /** From the hour's last block until the index has it, milliseconds. */
  indexLagMs: number
}

/**
 * Lives through hours of an embedded chain in minutes: a heartbeat every ten seconds of the chain's clock;
 * every hour three workers attest, and leases are opened, settled and closed. An index follows, in a process
 * of its own. Throws where a lease, a block or the index isn't what it ought to be.
 */
export async function liveThrough(
  hours: number,
  pace: Pick<Pace, 'engineBlocks' | 'depth'>,
  onHour: (hour: Hour) => void,
): Promise<Hour[]> {
  const folder = await mkdtemp(join(tmpdir(), 'cloister-lapse-'))
  let ahead = 0
  const now = () => Math.floor(Date.now() / 1000) + ahead
  const warnings: string[] = []
  const settings = {
    folder: join(folder, 'chain'),
    now,
    pace: { heartbeatMs: 1e9, headStart: 0, ...pace },
    warn: (text: string) => void warnings.push(text),
  }
  let chain = await JournaledChain.open(settings)
  let door = new ChainDoor(chain)
  const port = await door.listen(0)
  const root = await DevelopmentRoot.create()
  const ports = {
    chain: port,
    indexer: 1,
    gateway: 1,
    hub: 1,
    endorsements: 1,
    workers: [1, 1, 1] as [number, number, number],
    tcp: 1,
  }
  const lived: Hour[] = []
  let index: FollowingIndex | undefined
  try {
    const network = await ensureContracts({ folder, ports }, root, {
      publicKey: '00'.repeat(32),
      privateKey: '',
    } as never)
    await fundTenants(network)
    index = await FollowingIndex.start(folder)
    const wallet = (index: number) => connectWallet(network, developmentAccount(network, index))
    const tenant = wallet(4)
    const usdc = network.tokens.find(({ symbol }) => symbol === 'USDC')?.address ?? '0x'
    const workers = await Promise.all(
      Array.from({ length: WORKERS }, async (_, index) => {
        const key = privateKeyToAccount(generatePrivateKey())
        const provider = wallet(index + 1)
        await registerWorker(provider, key, {
          cpuMilli: 8_000,
          memoryMiB: 8_192,
          diskMiB: 8_192,
          gpus: 0,
          gpuClass: '',
          endpoint: 'https://127.0.0.1:1',
        })
        return { key, provider, platform: await root.manufacture() }
      }),
    )
    for (let hour = 1; hour <= hours; hour++) {
      const blockTimes: number[] = []
      for (const { key, provider, platform } of workers) await coverWorker(provider, platform, key)
      const [first] = workers
      if (!first) break
      const opened: Hex[] = []
      for (let i = 0; i < 2; i++) {
        const bid = {
          tenant: tenant.account.address,
          worker: first.key.address,
          token: usdc,
          ratePerSecond: 10n,
          minimumDeposit: 0n,
          expiry: now() + 600,
          room: 0n,
          noticeMinutes: 0,
        }
        const salt = BigInt(hour * 10 + i)
        const signed = await signBid(network, first.key, {
          ...bid,
          manifestHash: zeroHash,
          order: zeroHash,
          salt,
        })
        opened.push((await openLease(tenant, signed, 100_000n)).id)
      }
      for (let beat = 0; beat < 3_600 / HEARTBEAT_SECONDS; beat++) {
        ahead += HEARTBEAT_SECONDS
        const begun = performance.now()
        await chain.mine()
        blockTimes.push(performance.now() - begun)
        if (beat === 180) await settleLeases(first.provider, opened)
      }
      for (const id of opened) await closeLease(tenant, id)
      for (const id of opened) {
        const { spent, ratePerSecond } = await getLease(tenant, id)
        // An hour and the seconds that the calls took; never more than was covered.
        if (spent < 3_000n * ratePerSecond || spent > 3_700n * ratePerSecond)
          throw new Error(`lease ${id} was billed ${spent} in hour ${hour}`)
      }
      const callTimes: number[] = []
      for (let i = 0; i < 15; i++) {
        const begun = performance.now()
        await getLease(tenant, opened[0] ?? '0x')
        callTimes.push(performance.now() - begun)
      }
      const engineMiB = await residentMiB(chain.enginePid ?? 0)
      const head = chain.head
      const indexLagMs = await index.untilAt(head.number)
      const indexed = await index.closedLeases()
      if (indexed !== 2 * hour) throw new Error(`the index has ${indexed} closed leases in hour ${hour}`)
      await door.close()
      await chain.stop()
      const filesKiB = await sizeOf(settings.folder)
      const begun = performance.now()
      chain = await JournaledChain.open(settings)
      const startMs = performance.now() - begun
      if (chain.head.hash !== head.hash) throw new Error(`block ${head.number} is another after a stop`)
      door = new ChainDoor(chain)
      await door.listen(port)
      const times = { callMs: median(callTimes), blockMs: median(blockTimes), startMs, indexLagMs }
      const one = {
        hour,
        blocks: head.number,
        engineMiB,
        filesKiB,
        ...times,
        indexMiB: await index.residentMiB(),
        indexFilesMiB: await index.filesMiB(),
      }
      lived.push(one)
      onHour(one)
    }
    // A snapshot right before an attestation, which names a block before it, is given up for a later one.
    const amiss = warnings.filter((text) => !text.includes('is given up'))
    if (amiss.length > 0) throw new Error(`the chain warned: ${amiss.join('; ')}`)
    if (chain.journal.meta('snapshot') === undefined && hours > 1)
      throw new Error('no snapshot was ever put to use')
    return lived
  } finally {
    await index?.stop()
    await door.close()
    await chain.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

/** An index of the chain in a process of its own, as the embedded network has it. */
class FollowingIndex {
  private readonly child: ChildProcess
  private readonly client: IndexClient
  private readonly folder: string

  private constructor(child: ChildProcess, url: string, folder: string) {
    this.child = child
    this.client = new IndexClient(url)
    this.folder = folder
  }

  static async start(folder: string): Promise<FollowingIndex> {
    const port = await freePort()
    const program = packedProgram(fileURLToPath(import.meta.resolve('@cloister/indexer/daemon')))
    const options = [
      '--network',
      join(folder, 'network.json'),
      '--database',
      join(folder, 'index'),
      '--port',
      String(port),
    ]
    const child = spawn(
      process.execPath,
      [
        '--disable-warning=ExperimentalWarning',
        '--max-semi-space-size=1',
        '--liftoff-only',
        program,
        ...options,
      ],
      {
        stdio: 'ignore',
        env: { ...process.env, MALLOC_ARENA_MAX: '1' },
      },
    )
    const index = new FollowingIndex(child, `http://127.0.0.1:${port}`, join(folder, 'index'))
    await until('the index answers', () => index.client.status())
    return index
  }

  async untilAt(block: number): Promise<number> {
    const begun = performance.now()
    await until(`the index has block ${block}`, async () => (await this.client.status()).block >= block)
    return performance.now() - begun
  }

  async closedLeases(): Promise<number> {
    const { leases, openLeases } = await this.client.totals()
    return leases - openLeases
  }

  residentMiB(): Promise<number> {
    return residentMiB(this.child.pid ?? 0)
  }

  async filesMiB(): Promise<number> {
    let bytes = 0
    for (const entry of await readdir(this.folder, { recursive: true, withFileTypes: true }))
      if (entry.isFile())
        bytes += await stat(join(entry.parentPath, entry.name)).then(
          ({ size }) => size,
          () => 0,
        )
    return bytes / 1024 / 1024
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return
    const ended = new Promise((done) => this.child.once('exit', done))
    this.child.kill('SIGTERM')
    await ended
  }
}

async function residentMiB(pid: number): Promise<number> {
  return Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
}

async function sizeOf(folder: string): Promise<number> {
  const sizes = await Promise.all(
    (await readdir(folder)).map(async (name) => (await stat(join(folder, name))).size),
  )
  return sizes.reduce((sum, size) => sum + size, 0) / 1024
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}
