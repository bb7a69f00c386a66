import { createHash, type Hash, randomBytes } from 'node:crypto'
import { createReadStream, existsSync, mkdirSync, statfsSync } from 'node:fs'
import { open, readdir, rename, rm, truncate, utimes } from 'node:fs/promises'
import {
  CHUNK_BYTES,
  CloisterError,
  formatMiB,
  type Manifest,
  messageOf,
  type PartReport,
  type SendReport,
  type SentBlob,
  sentParts,
} from '@cloister/core'
import { sentImageParts } from '@cloister/executors'
import type { Address, Hex } from 'viem'
import { SentFolder } from './sent-folder.ts'

const MIB = 1024 * 1024
const GIB = 1024 * MIB
/** How long a ticket holds. */
const TICKET_MS = 3_600_000
/** How long what no lease takes is kept, for the same tenant's next one. */
const KEPT_MS = 24 * 3_600_000
/** Of the disk: what is left to leases whatever tenants send. */
const RESERVE = { part: 10, mostBytes: 5 * GIB }

/** What a tenant may send just now. */
interface Ticket {
  tenant: Address
  lease: Hex
  /** Bytes by digest. */
  blobs: Map<string, number>
  /** Bytes that are still to come. */
  left: number
  /** Unix milliseconds. */
  until: number
}

/** A blob that is coming: what was read of it so far. */
interface Coming {
  hash: Hash
  bytes: number
}

/** Which blobs open leases take, by tenant. */
export type Pinned = (tenant: Address) => ReadonlySet<string>

/**
 * What tenants send beside their manifests, until their leases take it no more. Everything is named by its
 * digest, and nothing is used before all of it has come and was checked. It is bounded: a lease sends at most
 * as many bytes as it has disk, nothing may take the disk that other leases pay for, and what no lease takes
 * any more goes, the oldest first.
 */
export class SentRoom {
  private readonly root: string
  private readonly pinned: Pinned
  private readonly tickets = new Map<Hex, Ticket>()
  /** By the part's path. */
  private readonly coming = new Map<string, Coming>()
  private readonly busy = new Set<string>()

  constructor(root: string, pinned: Pinned) {
    this.root = root
    this.pinned = pinned
    mkdirSync(root, { recursive: true, mode: 0o700 })
  }

  /** A layout folder with what a tenant has sent. */
  layoutOf(tenant: Address): string {
    return new SentFolder(this.root, tenant).path
  }

  /** Where a blob lies. */
  fileOf(tenant: Address, digest: string): string {
    return new SentFolder(this.root, tenant).fileOf(digest)
  }

  /**
   * Says which blobs of a lease's next manifest are lacking, and gives a ticket for them. Throws `too-large`
   * where they are more than the lease has disk, `too-busy` where this machine has no room.
   */
  async begin(
    { id, tenant, diskMiB }: { id: Hex; tenant: Address; diskMiB: number },
    blobs: readonly SentBlob[],
  ): Promise<SendReport> {
    const sizes = new Map(blobs.map(({ digest, bytes }) => [digest, bytes]))
    const total = [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0)
    if (total > diskMiB * MIB)
      throw new CloisterError(
        'too-large',
        `What comes with the manifest has ${formatMiB(Math.ceil(total / MIB))}, and the lease has ${formatMiB(diskMiB)} of disk.`,
        { hint: 'Give a service or a volume more disk, or send less.' },
      )
    const folder = new SentFolder(this.root, tenant)
    await folder.make()
    const lacking: SendReport['lacking'] = []
    let missing = 0
    for (const [digest, bytes] of sizes) {
      const here = await folder.received(digest)
      if (here?.isWhole) {
        const now = new Date()
        await utimes(folder.fileOf(digest), now, now)
        continue
      }
      // More than was stated can't be the beginning of it.
      const received = here && here.bytes <= bytes ? here.bytes : 0
      if (here && received === 0) await rm(folder.partOf(digest), { force: true })
      lacking.push({ digest, received })
      missing += bytes - received
    }
    for (const [other, { lease, until }] of this.tickets)
      if (lease === id || until < Date.now()) this.tickets.delete(other)
    await this.makeRoom(missing)
    const ticket: Hex = `0x${randomBytes(32).toString('hex')}`
    this.tickets.set(ticket, {
      tenant,
      lease: id,
      blobs: sizes,
      left: missing,
      until: Date.now() + TICKET_MS,
    })
    return { ticket, lacking }
  }

  /**
   * Adds a part to a blob. Throws `unauthorized` without a ticket for it, `stale` where it doesn't begin at
   * what has come, `too-large` where it goes beyond the blob, and `bad-file` where the whole is something
   * else than its digest says; then it is to be sent anew.
   */
  async receive(
    place: { lease: Hex; ticket: string; digest: string; offset: number },
    body: AsyncIterable<Uint8Array>,
  ): Promise<PartReport> {
    const { lease, digest, offset } = place
    const ticket = this.tickets.get(place.ticket as Hex)
    const bytes = ticket?.blobs.get(digest)
    if (!ticket || bytes === undefined || ticket.lease !== lease || ticket.until < Date.now())
      throw new CloisterError('unauthorized', 'There is no ticket for this.', {
        hint: 'Say first what is to be sent.',
      })
    const folder = new SentFolder(this.root, ticket.tenant)
    const path = folder.partOf(digest)
    if (this.busy.has(path)) throw new CloisterError('too-busy', 'Another part of it is coming just now.')
    this.busy.add(path)
    try {
      const here = await folder.received(digest)
      if (here?.isWhole) return { received: bytes, complete: true }
      if ((here?.bytes ?? 0) !== offset)
        throw new CloisterError('stale', `${here?.bytes ?? 0} bytes have come, and this begins at ${offset}.`)
      const received = await this.append(path, offset, bytes, body)
      ticket.left -= received - offset
      if (received < bytes) return { received, complete: false }
      await this.finish(folder, digest)
      return { received, complete: true }
    } finally {
      this.busy.delete(path)
    }
  }

  /**
   * Throws `not-sent` unless all that a manifest takes of its tenant is here, every part of its images
   * included.
   */
  async require(tenant: Address, manifest: Manifest): Promise<void> {
    const folder = new SentFolder(this.root, tenant)
    const { images, blobs } = sentParts(manifest)
    for (const { digest, bytes } of blobs) {
      const here = await folder.received(digest)
      if (!here?.isWhole || here.bytes !== bytes)
        throw new CloisterError('not-sent', `The manifest takes ${digest}, which was not sent.`)
    }
    for (const image of images)
      await sentImageParts(folder.path, image).catch((error) => {
        throw new CloisterError('not-sent', `The manifest takes the image ${image}: ${messageOf(error)}`)
      })
  }

  /** Removes what nobody has taken for a day. */
  async sweep(now = Date.now()): Promise<void> {
    for (const [key, { until }] of this.tickets) if (until < now) this.tickets.delete(key)
    for (const { folder, blob } of await this.free())
      if (blob.usedAt < now - KEPT_MS) await rm(folder.fileOf(blob.digest), { force: true })
    for (const folder of await this.folders()) await folder.removeParts(now - KEPT_MS)
    for (const path of this.coming.keys()) if (!existsSync(path)) this.coming.delete(path)
  }

  private async append(
    path: string,
    offset: number,
    bytes: number,
    body: AsyncIterable<Uint8Array>,
  ): Promise<number> {
    const known = this.coming.get(path)
    const coming = known?.bytes === offset ? known : { hash: await hashOf(path, offset), bytes: offset }
    this.coming.set(path, coming)
    const file = await open(path, 'a', 0o600)
    const most = Math.min(bytes, offset + CHUNK_BYTES)
    try {
      for await (const chunk of body) {
        if (coming.bytes + chunk.length > most)
          throw new CloisterError(
            'too-large',
            `A part has at most ${CHUNK_BYTES} bytes, and ends with its blob.`,
          )
        await file.writeFile(chunk)
        coming.hash.update(chunk)
        coming.bytes += chunk.length
      }
      if (coming.bytes === bytes) await file.sync()
    } catch (error) {
      this.coming.delete(path)
      throw error
    } finally {
      await file.close()
    }
    return coming.bytes
  }

  private async finish(folder: SentFolder, digest: string): Promise<void> {
    const path = folder.partOf(digest)
    const hash = this.coming.get(path)?.hash.digest('hex')
    this.coming.delete(path)
    if (`sha256:${hash}` !== digest) {
      await truncate(path, 0)
      throw new CloisterError('bad-file', `What came is not ${digest}.`, {
        hint: 'It may have changed while it was sent; send it anew.',
      })
    }
    await rename(path, folder.fileOf(digest))
  }

  /** Throws `too-busy` where `bytes` would take what is left to leases, whatever goes. */
  private async makeRoom(bytes: number): Promise<void> {
    if (this.isRoomFor(bytes)) return
    const free = (await this.free()).sort((one, other) => one.blob.usedAt - other.blob.usedAt)
    for (const { folder, blob } of free) {
      await rm(folder.fileOf(blob.digest), { force: true })
      if (this.isRoomFor(bytes)) return
    }
    throw new CloisterError('too-busy', "The worker's disk has no room for what comes with the manifest.", {
      hint: 'Try another worker, or send less.',
    })
  }

  private isRoomFor(bytes: number): boolean {
    const { bavail, blocks, bsize } = statfsSync(this.root)
    const promised = [...this.tickets.values()].reduce((sum, { left }) => sum + Math.max(0, left), 0)
    return bavail * bsize - promised - bytes > Math.min((blocks * bsize) / RESERVE.part, RESERVE.mostBytes)
  }

  /** What no open lease and no ticket takes. */
  private async free() {
    const promised = (tenant: Address, digest: string) =>
      [...this.tickets.values()].some((ticket) => ticket.tenant === tenant && ticket.blobs.has(digest))
    const all = await Promise.all(
      (await this.tenants()).map(async (tenant) => {
        const folder = new SentFolder(this.root, tenant)
        const taken = this.pinned(tenant)
        const kept = await folder.kept()
        return kept
          .filter(({ digest }) => !taken.has(digest) && !promised(tenant, digest))
          .map((blob) => ({ folder, blob }))
      }),
    )
    return all.flat()
  }

  private async folders(): Promise<SentFolder[]> {
    return (await this.tenants()).map((tenant) => new SentFolder(this.root, tenant))
  }

  private async tenants(): Promise<Address[]> {
    const names = await readdir(this.root).catch(() => [])
    return names.filter((name) => /^0x[0-9a-fA-F]{40}$/.test(name)) as Address[]
  }
}

/** The hash of the first bytes of a file, as they lie there. */
async function hashOf(path: string, bytes: number): Promise<Hash> {
  const hash = createHash('sha256')
  if (bytes > 0)
    for await (const chunk of createReadStream(path, { end: bytes - 1, highWaterMark: MIB }))
      hash.update(chunk as Buffer)
  return hash
}
