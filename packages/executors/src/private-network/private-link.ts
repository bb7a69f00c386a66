import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { WayOutLimits } from '../network/limits.ts'
import { applyRules, PRIVATE_DEVICE } from '../network/nftables.ts'
import { isAlive, markOf, type ProcessMark, signal } from '../process.ts'
import { run, SEARCH_PATH } from '../sandbox/run.ts'
import type { NetworkPlace } from './place.ts'
import { CONTROL_FOLDER, WireGuard } from './wireguard.ts'

/** What a place is given on its private network. */
export interface LinkSettings {
  /** 32 bytes in hexadecimal digits. */
  privateKey: string
  /** UDP port of this machine's. */
  port: number
  ipv6: string
  ipv4: string
  /** Prefixes that lead into the network. */
  routes: readonly string[]
  /** How much goes through it. */
  limits: Pick<WayOutLimits, 'mibPerSecond'>
}

/** What is remembered of a link, on disk: its process and the network it leads into. */
interface LinkRecord {
  process?: ProcessMark
  place: ProcessMark
  settings: string
}

const TABLE = 'cloister_private'
const OPEN_MS = 20_000
/** Bytes of a packet in the tunnel: what is left of 1,500 by WireGuard, IPv6 and a line with PPPoE. */
const MTU = 1_400
/** What wireguard-go tries to make do with. */
const MEMORY = '32MiB'

/**
 * Tunnels of private networks. A process of wireguard-go for each place has its UDP port here, and its other
 * end in the network of the place: what goes between is encrypted in that process, and no packet of a lease
 * passes through this machine's own network. Processes outlive us, and end with the network they lead into.
 */
export class PrivateLinks {
  private readonly folder: string
  private readonly known = new Map<string, WireGuard>()

  /** `folder` keeps what is known of them. */
  constructor(folder: string) {
    this.folder = folder
  }

  /**
   * The tunnels' end in a place, made where it isn't there yet, or leads elsewhere: another one then than
   * was given before. `id` is unique within the folder.
   */
  async open(id: string, place: NetworkPlace, settings: LinkSettings): Promise<WireGuard> {
    const device = this.deviceOf(id)
    const mark = markOf(place.pid)
    if (!mark) throw new Error('the container has ended')
    const wanted = createHash('sha256').update(JSON.stringify(settings)).digest('hex')
    const known = await this.record(id)
    if (known && isAlive(known.process) && sameMark(known.place, mark) && known.settings === wanted) {
      const found = this.known.get(id) ?? new WireGuard(device)
      this.known.set(id, found)
      return found
    }
    await this.close(id)
    const wireGuard = new WireGuard(device)
    await mkdir(this.folder, { recursive: true, mode: 0o700 })
    await rm(`${CONTROL_FOLDER}/${device}.sock`, { force: true })
    const record: LinkRecord = { place: mark, settings: '' }
    const [program = '', ...words] = place.charged(['wireguard-go', '--foreground', device])
    const child = spawn(program, words, {
      stdio: 'ignore',
      detached: true,
      env: { PATH: SEARCH_PATH, LOG_LEVEL: 'silent', GOMEMLIMIT: MEMORY, WG_PROCESS_FOREGROUND: '1' },
    })
    child.on('error', () => {})
    child.unref()
    const own = child.pid === undefined ? undefined : markOf(child.pid)
    if (!own) throw new Error('wireguard-go does not start')
    record.process = own
    await this.remember(id, record)
    try {
      await this.listening(device, own)
      await writeFile(`/proc/${own.pid}/oom_score_adj`, '-900').catch(() => {})
      await wireGuard.configure(settings.privateKey, settings.port)
      await lead(device, place.pid, settings)
      await this.remember(id, { ...record, settings: wanted })
      this.known.set(id, wireGuard)
      return wireGuard
    } catch (error) {
      await this.close(id)
      throw error
    }
  }

  /** Ends one, if it is there. */
  async close(id: string): Promise<void> {
    this.known.delete(id)
    const known = await this.record(id)
    signal(known?.process, 9)
    await rm(`${CONTROL_FOLDER}/${this.deviceOf(id)}.sock`, { force: true })
    await rm(this.pathOf(id), { force: true })
  }

  /** Ids of those that were opened and not closed. */
  async all(): Promise<string[]> {
    const names = await readdir(this.folder).catch(() => [])
    return names.filter((name) => name.endsWith('.json')).map((name) => name.slice(0, -5))
  }

  /** At most 15 characters, as the kernel wants it; others of the machine have the same ids, not folders. */
  private deviceOf(id: string): string {
    return `clw${createHash('sha256').update(`${this.folder}\0${id}`).digest('hex').slice(0, 12)}`
  }

  private pathOf(id: string): string {
    return join(this.folder, `${id}.json`)
  }

  private async record(id: string): Promise<LinkRecord | undefined> {
    const text = await readFile(this.pathOf(id), 'utf8').catch(() => undefined)
    return text === undefined ? undefined : (JSON.parse(text) as LinkRecord)
  }

  private async remember(id: string, record: LinkRecord): Promise<void> {
    await writeFile(`${this.pathOf(id)}.new`, JSON.stringify(record))
    await rename(`${this.pathOf(id)}.new`, this.pathOf(id))
  }

  private async listening(device: string, own: ProcessMark): Promise<void> {
    for (const end = Date.now() + OPEN_MS; !existsSync(`${CONTROL_FOLDER}/${device}.sock`); ) {
      if (!isAlive(own)) throw new Error('wireguard-go ended at once')
      if (Date.now() > end) throw new Error('wireguard-go does not start in time')
      await delay(20)
    }
  }
}

/** Moves a tunnel's inner end into a network, and gives it addresses and limits there. */
async function lead(device: string, pid: number, settings: LinkSettings): Promise<void> {
  const inside = ['nsenter', `--target=${pid}`, '--net', '--']
  const name = PRIVATE_DEVICE
  await applyRules(limitRules(settings.limits), inside)
  await run(['ip', 'link', 'set', device, 'netns', String(pid)])
  await run([...inside, 'ip', 'link', 'set', device, 'name', name, 'mtu', String(MTU), 'addrgenmode', 'none'])
  // Docker switches IPv6 off where its own network has none.
  const setting = `/proc/sys/net/ipv6/conf/${name}/disable_ipv6`
  await run([...inside, 'sh', '-c', `[ ! -e ${setting} ] || echo 0 > ${setting}`])
  await run([...inside, 'ip', 'address', 'add', `${settings.ipv6}/128`, 'dev', name])
  await run([...inside, 'ip', 'address', 'add', `${settings.ipv4}/32`, 'dev', name])
  await run([...inside, 'ip', 'link', 'set', name, 'up'])
  for (const route of settings.routes) await run([...inside, 'ip', 'route', 'replace', route, 'dev', name])
}

/** What goes through a tunnel is held to the lease's share of the line, in each direction. */
function limitRules({ mibPerSecond }: LinkSettings['limits']): string {
  const beyond = `limit rate over ${mibPerSecond} mbytes/second burst ${2 * mibPerSecond} mbytes drop`
  return `
table inet ${TABLE}
delete table inet ${TABLE}
table inet ${TABLE} {
    chain output {
      type filter hook output priority filter + 10; policy accept;
      oifname "${PRIVATE_DEVICE}" ${beyond}
    }
    chain input {
      type filter hook input priority filter + 10; policy accept;
      iifname "${PRIVATE_DEVICE}" ${beyond}
    }
}`
}

function sameMark(one: ProcessMark, other: ProcessMark): boolean {
  return one.pid === other.pid && one.began === other.began
}
