import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { CloisterError } from '@cloister/core'
import { SnapshotKey } from '@cloister/snapshots'
import { note, paint } from '@cloister/terminal'

/** Where the key lies that this user's snapshots are sealed with. */
function keyPath(): string {
  return (
    process.env['CLOISTER_SNAPSHOT_KEY'] ??
    join(process.env['CLOISTER_HOME'] ?? join(homedir(), '.cloister'), 'snapshot.key')
  )
}

/**
 * Reads the snapshot key; makes one where there is none and `create` says so, and tells what it is worth.
 * Throws `no-file` or `bad-key`.
 */
export function snapshotKey({ create, quiet }: { create: boolean; quiet: boolean }): SnapshotKey {
  const path = keyPath()
  if (!existsSync(path)) {
    if (!create)
      throw new CloisterError('no-file', `The key of your snapshots is not at ${path}.`, {
        hint: 'Put it there, or say where it is with CLOISTER_SNAPSHOT_KEY. Without it nobody can read them.',
      })
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    const text = `${SnapshotKey.generate().toString('hex')}\n`
    writeFileSync(path, text, { mode: 0o600, flag: 'wx', flush: true })
    if (!quiet)
      note(
        `${paint('yellow', '!', process.stderr)} The key of your snapshots is ${path}. Keep a copy elsewhere: whoever has it can read them, and without it nobody can, you included.`,
      )
  }
  const text = readFileSync(path, 'utf8').trim()
  if (!/^[0-9a-f]{64}$/.test(text))
    throw new CloisterError('bad-key', `${path} is no snapshot key: it has to be 64 hexadecimal digits.`)
  return new SnapshotKey(Buffer.from(text, 'hex'))
}
