import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { dirname } from 'node:path'
import { type Served, serve } from '@cloister/transport'
import * as z from 'zod'
import type { Wanted } from './host.ts'

const MAX_PORTS = 256
const Kept = z.record(z.string().regex(/^\d{1,5}$/), z.strictObject({ key: z.string(), label: z.string() }))

/**
 * Ports on 127.0.0.1, one for each route somebody asked for, the same again after a restart. For development
 * only.
 */
export class LoopbackPorts {
  private readonly file: string
  private readonly listen: (wanted: Wanted) => Server
  private readonly open = new Map<string, Served & { wanted: Wanted }>()

  constructor(file: string, listen: (wanted: Wanted) => Server = () => createServer()) {
    this.file = file
    this.listen = listen
  }

  /** Opens again what was open, as far as `isWanted` says so. */
  async restore(isWanted: (wanted: Wanted) => Promise<boolean>): Promise<void> {
    let kept: z.infer<typeof Kept> = {}
    try {
      kept = Kept.parse(JSON.parse(readFileSync(this.file, 'utf8')))
    } catch {
      return
    }
    for (const [port, wanted] of Object.entries(kept))
      if (await isWanted(wanted)) await this.add(wanted, Number(port)).catch(() => this.add(wanted, 0))
    this.keep()
  }

  /** The port of a route; undefined where there are too many already. */
  async portOf(wanted: Wanted): Promise<number | undefined> {
    const known = this.open.get(keyOf(wanted))
    if (known) return known.port
    if (this.open.size >= MAX_PORTS) return undefined
    const port = await this.add(wanted, 0)
    this.keep()
    return port
  }

  close(): void {
    for (const { close } of this.open.values()) void close()
  }

  private async add(wanted: Wanted, port: number): Promise<number> {
    const server = this.listen(wanted)
    const served = await serve('The gateway', server, { host: '127.0.0.1', port })
    this.open.set(keyOf(wanted), { ...served, wanted })
    return served.port
  }

  private keep(): void {
    mkdirSync(dirname(this.file), { recursive: true })
    const kept = Object.fromEntries([...this.open.values()].map(({ port, wanted }) => [port, wanted]))
    writeFileSync(`${this.file}.new`, JSON.stringify(kept))
    renameSync(`${this.file}.new`, this.file)
  }
}

function keyOf({ key, label }: Wanted): string {
  return `${key}/${label}`
}
