import { mkdirSync } from 'node:fs'
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
import { Sequence } from '../sequence.ts'
import { type Coming, ComingBlobs } from './coming.ts'
import { costOf, type DiskSpace, diskSpace, isRoomFor } from './disk-room.ts'
import { type KeptBlob, SentFolder } from './sent-folder.ts'
import { Tickets } from './tickets.ts'

const MIB = 1024 * 1024
/** How long what no lease takes is kept, for the same tenant's next one. */
const KEPT_MS = 24 * 3_600_000
/** What is kept of one tenant that no lease takes, or as many bytes as its lease has disk. */
const MOST_LOOSE = { bytes: 4096 * MIB, files: 4_096 }
/** Parts that come at one time for one lease. */
const MOST_COMING = 16

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
  private readonly space: (folder: string) => DiskSpace
  private readonly tickets = new Tickets()
  private readonly coming = new ComingBlobs()
  /** Promises of room are made one after another, each with those before it in view. */
  private readonly promises = new Sequence()
  private readonly busy = new Set<string>()

  /** `space` says what the file system has left, if not the system does. */
  constructor(root: string, pinned: Pinned, space = diskSpace) {
    this.root = root
    this.pinned = pinned
    this.space = space
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
    const total = [...sizes.values()].reduce((sum, bytes) => sum + costOf(bytes), 0)
    if (total > diskMiB * MIB)
      throw new CloisterError(
        'too-large',
        `What comes with the manifest has ${formatMiB(Math.ceil(total / MIB))}, and the lease has ${formatMiB(diskMiB)} of disk.`,
        { hint: 'Give a service or a volume more disk, or send less.' },
      )
    const folder = new SentFolder(this.root, tenant)
    await folder.make()
    // From here on nothing of it goes, whoever else asks meanwhile.
    this.tickets.clear()
    const ticket = this.tickets.give({ tenant, lease: id, blobs: sizes })
    const lacking: SendReport['lacking'] = []
    const left: { digest: string; bytes: number }[] = []
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
      left.push({ digest, bytes: costOf(bytes) - received })
    }
    try {
      await this.trim(tenant, diskMiB * MIB)
      await this.promises.run(() => this.promise(ticket, left))
    } catch (error) {
      this.tickets.end(id)
      throw error
    }
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
    const { digest, offset } = place
    const ticket = this.tickets.find(place.ticket, place.lease)
    const bytes = ticket?.blobs.get(digest)
    if (!ticket || bytes === undefined)
      throw new CloisterError('unauthorized', 'There is no ticket for this.', {
        hint: 'Say first what is to be sent.',
      })
    const folder = new SentFolder(this.root, ticket.tenant)
    const path = folder.partOf(digest)
    if (this.busy.has(path) || ticket.coming >= MOST_COMING)
      throw new CloisterError('too-busy', 'Another part is coming just now.')
    this.busy.add(path)
    ticket.coming++
    try {
      const here = await folder.received(digest)
      if (here?.isWhole) return { received: bytes, complete: true }
      if ((here?.bytes ?? 0) !== offset)
        throw new CloisterError('stale', `${here?.bytes ?? 0} bytes have come, and this begins at ${offset}.`)
      const coming = await this.coming.at(path, offset)
      try {
        await this.append(path, coming, { most: Math.min(bytes, offset + CHUNK_BYTES), bytes }, body)
      } finally {
        this.tickets.promise(place.ticket, digest, costOf(bytes) - coming.bytes)
      }
      if (coming.bytes < bytes) return { received: coming.bytes, complete: false }
      const isRight = await this.finish(folder, digest, coming)
      this.tickets.promise(place.ticket, digest, isRight ? 0 : costOf(bytes))
      if (!isRight && coming.isReread)
        throw new CloisterError('stale', `What lay here of ${digest} was not its beginning.`, {
          hint: 'Send it anew.',
        })
      if (!isRight)
        throw new CloisterError('bad-file', `What came is not ${digest}.`, {
          hint: 'It may have changed while it was sent; send it anew.',
        })
      return { received: bytes, complete: true }
    } finally {
      ticket.coming--
      this.busy.delete(path)
    }
  }

  /**
   * Throws `not-sent` unless all that a manifest takes of its tenant is here, every part of its images
   * included. Gives the digests of all that.
   */
  async require(tenant: Address, manifest: Manifest): Promise<string[]> {
    const folder = new SentFolder(this.root, tenant)
    const { images, blobs } = sentParts(manifest)
    for (const { digest, bytes } of blobs) {
      const here = await folder.received(digest)
      if (!here?.isWhole || here.bytes !== bytes)
        throw new CloisterError('not-sent', `The manifest takes ${digest}, which was not sent.`)
    }
    const parts: string[] = []
    for (const image of images)
      parts.push(
        ...(await sentImageParts(folder.path, image).catch((error) => {
          throw new CloisterError('not-sent', `The manifest takes the image ${image}: ${messageOf(error)}`)
        })),
      )
    return [...new Set([...blobs.map(({ digest }) => digest), ...parts])]
  }

  /** A lease that has ended sends nothing more. */
  end(lease: Hex): void {
    this.tickets.end(lease)
  }

  /** Removes what nobody has taken for a day. */
  async sweep(now = Date.now()): Promise<void> {
    this.tickets.clear(now)
    for (const blob of await this.loose()) if (blob.usedAt < now - KEPT_MS) await this.remove(blob)
  }

  /** Removes what no lease takes where leases would else lack room. */
  async relieve(): Promise<void> {
    await this.makeRoom()
  }

  /**
   * Appends a body to a part, up to `most` of its blob's `bytes`. What came before it broke off is kept. Only
   * the end waits for the disk: what a machine that fails has lost until then is found out by the digest.
   */
  private async append(
    path: string,
    coming: Coming,
    { most, bytes }: { most: number; bytes: number },
    body: AsyncIterable<Uint8Array>,
  ): Promise<void> {
    const file = await open(path, 'a', 0o600)
    try {
      for await (const chunk of body) {
        if (coming.bytes + chunk.length > most)
          throw new CloisterError(
            'too-large',
            `A part has at most ${CHUNK_BYTES} bytes, and ends with its blob.`,
          )
        const written = file.writeFile(chunk)
        coming.hash.update(chunk)
        await written.catch((error) => {
          // Nobody knows how much of it was written.
          this.coming.forget(path)
          throw error
        })
        coming.bytes += chunk.length
      }
      if (coming.bytes === bytes) await file.sync()
    } finally {
      await file.close()
    }
  }

  /** Keeps a blob that has come if it is what its digest says, and nothing of it otherwise. */
  private async finish(folder: SentFolder, digest: string, { hash }: Coming): Promise<boolean> {
    const path = folder.partOf(digest)
    this.coming.forget(path)
    const isRight = `sha256:${hash.digest('hex')}` === digest
    await (isRight ? rename(path, folder.fileOf(digest)) : truncate(path, 0))
    return isRight
  }

  /** Promises room for what is still to come of a ticket. Throws `too-busy` where there is none. */
  private async promise(ticket: Hex, left: readonly { digest: string; bytes: number }[]): Promise<void> {
    for (const { digest, bytes } of left) this.tickets.promise(ticket, digest, bytes)
    if (left.length > 0 && !(await this.makeRoom()))
      throw new CloisterError('too-busy', "The worker's disk has no room for what comes with the manifest.", {
        hint: 'Try another worker, or send less.',
      })
  }

  /** Whether there is room for all that is still to come, once what no lease takes has gone as need be. */
  private async makeRoom(): Promise<boolean> {
    const isRoom = () => isRoomFor(this.tickets.promised(), this.space(this.root))
    if (isRoom()) return true
    for (const blob of oldestFirst(await this.loose())) {
      await this.remove(blob)
      if (isRoom()) return true
    }
    return false
  }

  /** Keeps what is here of a tenant and no lease takes within bounds. */
  private async trim(tenant: Address, diskBytes: number): Promise<void> {
    const mostBytes = Math.max(diskBytes, MOST_LOOSE.bytes)
    const tooMany = (blobs: readonly KeptBlob[]) =>
      blobs.length > MOST_LOOSE.files || blobs.reduce((sum, { bytes }) => sum + costOf(bytes), 0) > mostBytes
    const folder = new SentFolder(this.root, tenant)
    // Which of it leases take is told by all of their manifests, which are long.
    if (!tooMany([...(await folder.kept()), ...(await folder.parts())])) return
    let bytes = 0
    for (const [index, blob] of oldestFirst(await this.looseOf(tenant))
      .reverse()
      .entries()) {
      bytes += costOf(blob.bytes)
      if (bytes > mostBytes || index >= MOST_LOOSE.files) await this.remove(blob)
    }
  }

  private async remove({ path }: KeptBlob): Promise<void> {
    this.coming.forget(path)
    await rm(path, { force: true })
  }

  /** What no open lease and no ticket takes, and parts that nobody may add to just now. */
  private async loose(): Promise<KeptBlob[]> {
    const names = await readdir(this.root).catch(() => [])
    const tenants = names.filter((name) => /^0x[0-9a-fA-F]{40}$/.test(name)) as Address[]
    return (await Promise.all(tenants.map((tenant) => this.looseOf(tenant)))).flat()
  }

  private async looseOf(tenant: Address): Promise<KeptBlob[]> {
    const folder = new SentFolder(this.root, tenant)
    const taken = this.pinned(tenant)
    const [kept, parts] = await Promise.all([folder.kept(), folder.parts()])
    return [
      ...kept.filter(({ digest }) => !taken.has(digest)),
      ...parts.filter(({ path }) => !this.busy.has(path)),
    ].filter(({ digest }) => !this.tickets.names(tenant, digest))
  }
}

function oldestFirst(blobs: readonly KeptBlob[]): KeptBlob[] {
  return blobs.toSorted((one, other) => one.usedAt - other.usedAt)
}
