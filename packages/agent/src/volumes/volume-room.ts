import { randomBytes } from 'node:crypto'
import { mkdirSync, statfsSync } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import {
  CloisterError,
  DIGEST_BYTES,
  FRAME,
  formatMiB,
  readFrames,
  STAGED_PART_BYTES,
  type StagedReport,
  type StagingReport,
} from '@cloister/core'
import { StagedBlocks } from '@cloister/executors'
import type { Hex } from 'viem'
import type { Store } from '../store.ts'

const MIB = 1024 * 1024
const GIB = 1024 * MIB
/** How long a ticket holds. */
const TICKET_MS = 3_600_000
/** Of the disk: what is left to leases whatever tenants send. */
const RESERVE = { part: 10, mostBytes: 5 * GIB }
/** Volumes of one lease that may be staged. */
const MOST_VOLUMES = 100
/** Volumes that are read at one time: of all leases. */
const MOST_READ = 4

interface Ticket {
  lease: Hex
  volume: string
  staged: StagedBlocks
  mostBytes: number
  /** Unix milliseconds. */
  until: number
}

/**
 * Volumes that a lease is going to begin with, as their tenant sends them in blocks: kept until the lease's
 * containers have them, bounded by the lease's disk. What is staged and whole is written down in the store.
 */
export class VolumeRoom {
  private readonly root: string
  private readonly store: Store
  private readonly tickets = new Map<Hex, Ticket>()
  /** One thing after another for each volume. */
  private readonly turns = new Map<string, Promise<unknown>>()
  private readonly reading = new Set<Hex>()

  constructor(root: string, store: Store) {
    this.root = root
    this.store = store
    mkdirSync(root, { recursive: true, mode: 0o700 })
  }

  /** Where a lease's volume was staged; undefined where not all of it has come. */
  stagedOf(lease: Hex, volume: string): { staged: string } | undefined {
    return this.store.lease(lease)?.staged?.includes(volume)
      ? { staged: this.folderOf(lease, volume) }
      : undefined
  }

  /** Says which blocks of a volume are here, and gives a ticket for the others. */
  async begin(lease: Hex, volume: string, diskMiB: number): Promise<StagingReport> {
    return this.inTurn(lease, volume, async () => {
      const others: string[] = await readdir(join(this.root, lease)).catch(() => [])
      if (!others.includes(volume) && others.length >= MOST_VOLUMES)
        throw new CloisterError('too-many', `A lease has at most ${MOST_VOLUMES} volumes.`)
      for (const [known, ticket] of this.tickets)
        if ((ticket.lease === lease && ticket.volume === volume) || ticket.until < Date.now())
          this.tickets.delete(known)
      const staged = await StagedBlocks.open(this.folderOf(lease, volume))
      const ticket: Hex = `0x${randomBytes(32).toString('hex')}`
      const mostBytes = diskMiB * MIB
      this.tickets.set(ticket, { lease, volume, staged, mostBytes, until: Date.now() + TICKET_MS })
      return { ticket, blocks: staged.digests().toString('base64') }
    })
  }

  /**
   * Takes blocks, in frames. Throws `unauthorized` without a ticket, `too-large` beyond what a part or the
   * lease's disk holds, `too-busy` where this machine has no room, and `bad-file` for what isn't what it
   * says.
   */
  async receive(
    place: { lease: Hex; volume: string; ticket: string },
    body: AsyncIterable<Uint8Array>,
  ): Promise<StagedReport> {
    const ticket = this.tickets.get(place.ticket as Hex)
    if (ticket?.lease !== place.lease || ticket.volume !== place.volume || ticket.until < Date.now())
      throw new CloisterError('unauthorized', 'There is no ticket for this.', {
        hint: 'Say first which volume is to be filled.',
      })
    const { staged, mostBytes } = ticket
    const blocks: { digest: string; bytes: Uint8Array }[] = []
    let bytes = 0
    for await (const { kind, payload } of readFrames(bounded(body, STAGED_PART_BYTES))) {
      if (kind !== FRAME.block || payload.length <= DIGEST_BYTES)
        throw new CloisterError('bad-request', 'A part holds blocks and nothing else.')
      const digest = Buffer.from(payload.subarray(0, DIGEST_BYTES)).toString('hex')
      // What comes next is read over it.
      blocks.push({ digest, bytes: Buffer.from(payload.subarray(DIGEST_BYTES)) })
      bytes += payload.length
    }
    return this.inTurn(place.lease, place.volume, async () => {
      if (staged.bytes + bytes > mostBytes)
        throw new CloisterError(
          'too-large',
          `The lease has ${formatMiB(Math.floor(mostBytes / MIB))} of disk, and more is sent for its volumes.`,
          { hint: 'Give a volume of the file more size.' },
        )
      this.requireRoom(bytes)
      await staged.add(blocks)
      return { blocks: blocks.length }
    })
  }

  /**
   * All of a volume has come, with the inventory in these blocks. Committed; throws `not-sent` for one that
   * lacks.
   */
  async finish(lease: Hex, volume: string, inventory: readonly string[]): Promise<void> {
    await this.inTurn(lease, volume, async () => {
      const staged = await StagedBlocks.open(this.folderOf(lease, volume))
      const lacking = inventory.find((digest) => !staged.has(digest))
      if (lacking !== undefined)
        throw new CloisterError('not-sent', `The block ${lacking.slice(0, 12)}… was not sent.`)
      await staged.finish(inventory)
      this.store.patchLease(lease, (stored) => {
        stored.staged = [...new Set([...(stored.staged ?? []), volume])]
      })
    })
  }

  /** Removes what was staged of volumes that are there now; of all, where none are given. */
  async forget(lease: Hex, volumes?: readonly string[]): Promise<void> {
    const known = this.store.lease(lease)
    const gone: readonly string[] = volumes ?? known?.staged ?? []
    if (known?.staged && gone.length > 0)
      this.store.patchLease(lease, (stored) => {
        const left = stored.staged?.filter((name) => !gone.includes(name)) ?? []
        if (left.length > 0) stored.staged = left
        else delete stored.staged
      })
    if (volumes === undefined) await rm(join(this.root, lease), { recursive: true, force: true })
    else
      for (const volume of volumes) await rm(this.folderOf(lease, volume), { recursive: true, force: true })
    for (const [known, ticket] of this.tickets)
      if (ticket.lease === lease && (volumes?.includes(ticket.volume) ?? true)) this.tickets.delete(known)
  }

  /** Removes what was staged for leases that aren't open any more. */
  async sweep(): Promise<void> {
    for (const lease of await readdir(this.root))
      if (this.store.lease(lease as Hex)?.state !== 'open')
        await rm(join(this.root, lease), { recursive: true, force: true })
  }

  /** One reader for each lease, and few for all. Throws `too-busy`; `done` is to be called at the end. */
  beginReading(lease: Hex): { done: () => void } {
    if (this.reading.has(lease) || this.reading.size >= MOST_READ)
      throw new CloisterError(
        'too-busy',
        this.reading.has(lease)
          ? 'A volume of the lease is being read already.'
          : 'The worker reads the volumes of other leases just now.',
        { hint: 'Try again in a moment.' },
      )
    this.reading.add(lease)
    let isDone = false
    const done = () => {
      if (!isDone) this.reading.delete(lease)
      isDone = true
    }
    return { done }
  }

  private requireRoom(bytes: number): void {
    const { bavail, blocks, bsize } = statfsSync(this.root)
    if (bavail * bsize - bytes < Math.min((blocks * bsize) / RESERVE.part, RESERVE.mostBytes))
      throw new CloisterError('too-busy', "The worker's disk has no room for the volume.", {
        hint: 'Try another worker.',
      })
  }

  private folderOf(lease: Hex, volume: string): string {
    return join(this.root, lease, volume)
  }

  private inTurn<T>(lease: Hex, volume: string, work: () => Promise<T>): Promise<T> {
    const key = `${lease}/${volume}`
    const next = (this.turns.get(key) ?? Promise.resolve()).then(work, work)
    const settled = next.catch(() => {})
    this.turns.set(key, settled)
    void settled.then(() => this.turns.get(key) === settled && this.turns.delete(key))
    return next
  }
}

async function* bounded(body: AsyncIterable<Uint8Array>, most: number): AsyncGenerator<Uint8Array> {
  let bytes = 0
  for await (const chunk of body) {
    bytes += chunk.length
    if (bytes > most) throw new CloisterError('too-large', `A part has at most ${most} bytes.`)
    yield chunk
  }
}
