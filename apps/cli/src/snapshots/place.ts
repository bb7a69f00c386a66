import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { awsSettings, FolderStore, Repository, S3Store, type SnapshotStore } from '@cloister/snapshots'
import { snapshotKey } from './key-file.ts'

/** Where snapshots are kept where nothing else is said. */
export function defaultPlace(): string {
  return (
    process.env['CLOISTER_SNAPSHOTS'] ??
    join(process.env['CLOISTER_HOME'] ?? join(homedir(), '.cloister'), 'snapshots')
  )
}

/** A store by what people call it: `s3://BUCKET/PREFIX`, or a folder. */
function openStore(place: string): SnapshotStore {
  return place.startsWith('s3://') ? new S3Store(place, awsSettings()) : new FolderStore(resolve(place))
}

/** The snapshots at a place. Throws `not-found` where there are none and `create` isn't given. */
export async function openRepository(
  place: string,
  { create = false, json }: { create?: boolean; json: boolean },
): Promise<Repository> {
  const key = snapshotKey({ create, quiet: json })
  return Repository.open(openStore(place), key, create)
}

/** `PLACE#ID`: the place, and the snapshot there; the newest where there is no `#`. */
export function snapshotAt(text: string): { place: string; id: string | undefined } {
  const at = text.lastIndexOf('#')
  if (at < 0) return { place: text, id: undefined }
  return { place: text.slice(0, at) || defaultPlace(), id: text.slice(at + 1) }
}
