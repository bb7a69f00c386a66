import { homedir } from 'node:os'
import { join, normalize, resolve } from 'node:path'
import { CloisterError, type LeaseRecord } from '@cloister/core'
import { type Cloister, leases } from '@cloister/sdk'
import { exec } from '@cloister/sdk/node'
import {
  awsSettings,
  FolderStore,
  LeaseStore,
  Repository,
  S3Store,
  type SnapshotStore,
} from '@cloister/snapshots'
import type { Globals } from '../command.ts'
import { connect } from '../context.ts'
import { snapshotKey } from './key-file.ts'

/** Where snapshots are kept where nothing else is said. */
export function defaultPlace(): string {
  return (
    process.env['CLOISTER_SNAPSHOTS'] ??
    join(process.env['CLOISTER_HOME'] ?? join(homedir(), '.cloister'), 'snapshots')
  )
}

/** How places in other leases begin. */
const IN_LEASE = 'lease:'

/** The lease that a place is in; undefined where it is in none. Throws `bad-option` and `not-found`. */
export async function leaseOf(cloister: Cloister, place: string): Promise<LeaseRecord | undefined> {
  return place.startsWith(IN_LEASE) ? leases.findLease(cloister, partsOf(place).name) : undefined
}

/** Name and folder of `lease:NAME/FOLDER`. */
function partsOf(place: string): { name: string; folder: string } {
  const [, name, path] = /^lease:([^/]+)(\/.*)$/s.exec(place) ?? []
  const folder = path && normalize(path).replace(/\/$/, '')
  if (!name || !folder)
    throw new CloisterError('bad-option', `${place} names no folder of a lease.`, {
      hint: 'Write lease:NAME/FOLDER, such as lease:backups/data, where a volume of that lease is mounted.',
    })
  return { name, folder }
}

/** A store by what people call it: `s3://BUCKET/PREFIX`, `lease:NAME/FOLDER`, or a folder. */
async function openStore(place: string, globals: Globals): Promise<SnapshotStore> {
  if (place.startsWith('s3://')) return new S3Store(place, awsSettings())
  if (!place.startsWith(IN_LEASE)) return new FolderStore(resolve(place))
  const { name, folder } = partsOf(place)
  const cloister = connect(globals)
  const { lease } = await leases.findLease(cloister, name)
  const { asTenant } = await leases.openSession(cloister, lease)
  return new LeaseStore({ name, run: (command) => exec(asTenant, { lease, ...command }) }, folder)
}

/** The snapshots at a place. Throws `not-found` where there are none and `create` isn't given. */
export async function openRepository(
  place: string,
  globals: Globals,
  { create = false } = {},
): Promise<Repository> {
  const key = snapshotKey({ create, quiet: globals.json === true })
  return Repository.open(await openStore(place, globals), key, create)
}

/** `PLACE#ID`: the place, and the snapshot there; the newest where there is no `#`. */
export function snapshotAt(text: string): { place: string; id: string | undefined } {
  const at = text.lastIndexOf('#')
  if (at < 0) return { place: text, id: undefined }
  return { place: text.slice(0, at) || defaultPlace(), id: text.slice(at + 1) }
}
