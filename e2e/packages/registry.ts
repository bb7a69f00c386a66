import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { create, list } from 'tar'

const ROOT = join(import.meta.dirname, '../..')

interface Version {
  /** What its package.json says. */
  description: { name: string; version: string }
  tarball: () => Promise<Buffer>
  /** Known without the tarball, where npm has kept that. */
  integrity?: string
}

/**
 * A registry as npm asks it, on this machine alone: it has what is installed in this workspace, as npm keeps
 * it or packed anew, and the tarballs that were built. It fetches nothing.
 */
export class LocalRegistry {
  private readonly versions = new Map<string, Map<string, Version>>()
  private readonly packed = new Map<string, Promise<Buffer>>()
  private readonly server: Server
  url = ''

  private constructor() {
    this.server = createServer(async (request, response) => {
      try {
        const [, body] = await this.answer(decodeURIComponent(request.url ?? ''))
        response.writeHead(body === undefined ? 404 : 200, { 'content-type': 'application/json' })
        response.end(body ?? '{"error":"not found"}')
      } catch (error) {
        response.writeHead(500).end(String(error))
      }
    })
  }

  static async open(tarballs: readonly string[]): Promise<LocalRegistry> {
    const registry = new LocalRegistry()
    const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'))
    const kept = join(
      execFileSync('npm', ['config', 'get', 'cache'], { encoding: 'utf8' }).trim(),
      '_cacache',
    )
    for (const [path, { link, integrity }] of Object.entries<Locked>(lock.packages))
      if (path.includes('node_modules/') && !link)
        registry.addInstalled(join(ROOT, path), keptAt(kept, integrity), integrity)
    for (const tarball of tarballs) await registry.addBuilt(tarball)
    await new Promise<void>((done) => registry.server.listen(0, '127.0.0.1', done))
    registry.url = `http://127.0.0.1:${(registry.server.address() as AddressInfo).port}/`
    return registry
  }

  async close(): Promise<void> {
    this.server.closeAllConnections()
    await new Promise((done) => this.server.close(done))
  }

  private addInstalled(folder: string, kept: string | undefined, integrity: string | undefined): void {
    let text: string
    try {
      text = readFileSync(join(folder, 'package.json'), 'utf8')
    } catch {
      // For another machine than this.
      return
    }
    const description = JSON.parse(text)
    if (kept !== undefined && integrity !== undefined)
      this.add({ description, tarball: () => readFile(kept), integrity })
    else this.add({ description, tarball: () => packFolder(folder) })
  }

  private async addBuilt(tarball: string): Promise<void> {
    let text = ''
    await list({
      file: tarball,
      onReadEntry: async (entry) => {
        if (entry.path === 'package/package.json')
          entry.on('data', (chunk: Buffer) => {
            text += chunk.toString('utf8')
          })
      },
    })
    this.add({ description: JSON.parse(text), tarball: () => readFile(tarball) })
  }

  private add(added: Version): void {
    const { name, version } = added.description
    const versions = this.versions.get(name) ?? new Map<string, Version>()
    versions.set(version, added)
    this.versions.set(name, versions)
  }

  private async answer(path: string): Promise<[string, string | Buffer | undefined]> {
    const [name = '', file] = path.slice(1).split('/-/')
    const versions = this.versions.get(name)
    if (!versions) return [name, undefined]
    if (file !== undefined) return [name, await this.packedOf(name, file.replace(/\.tgz$/, ''))]
    const shown = await Promise.all(
      [...versions.values()].map(async ({ description, integrity }) => {
        const { version } = description
        const tarball = `${this.url}${name}/-/${version}.tgz`
        const dist = { tarball, integrity: integrity ?? integrityOf(await this.packedOf(name, version)) }
        return [version, { ...description, dist }] as const
      }),
    )
    const latest = shown.at(-1)?.[0]
    return [name, JSON.stringify({ name, 'dist-tags': { latest }, versions: Object.fromEntries(shown) })]
  }

  private packedOf(name: string, version: string): Promise<Buffer> {
    const key = `${name}@${version}`
    const known = this.packed.get(key)
    if (known) return known
    const tarball = this.versions.get(name)?.get(version)?.tarball
    if (!tarball) throw new Error(`There is no ${key}.`)
    const packed = tarball()
    this.packed.set(key, packed)
    return packed
  }
}

interface Locked {
  link?: boolean
  integrity?: string
}

/** Where npm keeps a tarball (cacache, content-v2), if it does. */
function keptAt(cache: string, integrity = ''): string | undefined {
  const [, sum] = /^sha512-(\S+)$/.exec(integrity) ?? []
  if (sum === undefined) return undefined
  const hex = Buffer.from(sum, 'base64').toString('hex')
  const path = join(cache, 'content-v2/sha512', hex.slice(0, 2), hex.slice(2, 4), hex.slice(4))
  return existsSync(path) ? path : undefined
}

function integrityOf(tarball: Buffer): string {
  return `sha512-${createHash('sha512').update(tarball).digest('base64')}`
}

function packFolder(folder: string): Promise<Buffer> {
  const stream = create(
    {
      cwd: folder,
      prefix: 'package',
      gzip: { level: 1 },
      portable: true,
      filter: (path) => !path.split('/').includes('node_modules'),
    },
    ['.'],
  )
  return buffer(stream as unknown as AsyncIterable<Uint8Array>) as Promise<Buffer>
}
