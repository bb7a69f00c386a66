import { randomBytes } from 'node:crypto'
import { PassThrough, Readable } from 'node:stream'
import type { ExecParameters } from '@cloister/client/node'
import { CloisterError } from '@cloister/core'
import type { SnapshotStore, StoredObject } from './store.ts'

/** Bytes that a command may print: of an object, which is a pack or an index, or of a list. */
const MAX_OUTPUT_BYTES = 256 * 1024 * 1024
const MAX_ERROR_BYTES = 10_000
const INPUT_BYTES = 64 * 1024
/** Milliseconds for one command. */
const COMMAND_MS = 120_000

/** Exit codes of the commands below. */
const NO_OBJECT = 44
const NO_FOLDER = 45
const CUT_OFF = 46
/** What shells end with where a program isn't there (POSIX.1-2017, Shell Command Language, 2.8.2). */
const NO_PROGRAM = 127

/** `$1` is the folder of the store, `$2` a folder in it. The dot says that the list is whole. */
const LIST = `[ -d "$1" ] || exit ${NO_FOLDER}
command -v stat >/dev/null || exit ${NO_PROGRAM}
cd "$1/$2" 2>/dev/null || { echo .; exit 0; }
set -- *
[ -e "$1" ] && stat -c '%s %Y %n' -- "$@" 2>/dev/null
echo .`
/** `$2` is the name of an object. */
const READ = `[ -d "$1" ] || exit ${NO_FOLDER}
[ -f "$1/$2" ] || exit ${NO_OBJECT}
exec cat -- "$1/$2"`
/** `$3` is a name that nobody else has, `$4` the number of bytes: what was cut off becomes no object. */
const WRITE = `[ -d "$1" ] || exit ${NO_FOLDER}
umask 077
mkdir -p -- "$1/\${2%/*}" || exit 1
coming="$1/\${2%/*}/.coming-$3"
trap 'rm -f -- "$coming"' EXIT
cat > "$coming" || exit 1
[ "$(stat -c %s -- "$coming")" = "$4" ] || exit ${CUT_OFF}
sync -- "$coming" 2>/dev/null || sync
mv -f -- "$coming" "$1/$2"`
const REMOVE = `[ -d "$1" ] || exit ${NO_FOLDER}
exec rm -f -- "$1/$2"`

/** Where commands of a store run. */
export interface StoringLease {
  /** As people call it. */
  name: string
  /** Runs a command in a container of the lease to its end; resolves with its exit code. */
  run: (command: Pick<ExecParameters, 'argv' | 'stdin' | 'stdout' | 'stderr' | 'signal'>) => Promise<number>
}

/**
 * Snapshots in a volume of another lease, so on another worker. They are written and read by `sh`, `cat`,
 * `stat` and the like of the image there, over the connection that ends in that worker. Throws `not-found`
 * where it has no such folder, `unreachable` where it doesn't answer.
 */
export class LeaseStore implements SnapshotStore {
  readonly place: string
  private readonly to: StoringLease
  private readonly folder: string
  /** The pack that was read last: blocks lie in packs one after another. */
  private last: { name: string; bytes: Buffer } | undefined

  /** @param folder Absolute path in the lease's container. */
  constructor(to: StoringLease, folder: string) {
    this.to = to
    this.folder = folder
    this.place = `lease:${to.name}${folder}`
  }

  async list(folder: string): Promise<StoredObject[]> {
    const { output } = await this.run(LIST, [folder])
    const lines = output.toString().split('\n')
    if (lines.pop() !== '' || lines.pop() !== '.') throw this.strange('its list breaks off')
    return lines.flatMap((line) => {
      const [, bytes, modified, name] =
        /^(\d{1,15}) (\d{1,12}) ([A-Za-z0-9][A-Za-z0-9.-]{0,200})$/.exec(line) ?? []
      if (name === undefined) return []
      return [{ name: `${folder}/${name}`, bytes: Number(bytes), modifiedAt: Number(modified) * 1000 }]
    })
  }

  async read(name: string, part?: { offset: number; bytes: number }): Promise<Buffer | undefined> {
    if (!part) return this.readWhole(name)
    if (this.last?.name !== name) {
      const bytes = await this.readWhole(name)
      if (!bytes) return undefined
      this.last = { name, bytes }
    }
    return this.last.bytes.subarray(part.offset, part.offset + part.bytes)
  }

  async write(name: string, bytes: Uint8Array): Promise<void> {
    await this.run(WRITE, [name, randomBytes(8).toString('hex'), String(bytes.length)], bytes)
  }

  async remove(name: string): Promise<void> {
    if (this.last?.name === name) this.last = undefined
    await this.run(REMOVE, [name])
  }

  private async readWhole(name: string): Promise<Buffer | undefined> {
    const { code, output } = await this.run(READ, [name])
    return code === NO_OBJECT ? undefined : output
  }

  /** Runs a script on the folder and words. Throws unless it ends with 0 or `NO_OBJECT`. */
  private async run(
    script: string,
    words: string[],
    input?: Uint8Array,
  ): Promise<{ code: number; output: Buffer }> {
    const limit = AbortSignal.timeout(COMMAND_MS)
    const tooMuch = new AbortController()
    const collect = (most: number) => {
      const chunks: Buffer[] = []
      let held = 0
      const stream = new PassThrough().on('data', (chunk: Buffer) => {
        held += chunk.length
        if (held > most) tooMuch.abort()
        else chunks.push(chunk)
      })
      return { stream, whole: () => Buffer.concat(chunks) }
    }
    const [output, errors] = [collect(MAX_OUTPUT_BYTES), collect(MAX_ERROR_BYTES)]
    const running = this.to.run({
      argv: ['sh', '-c', script, 'sh', this.folder, ...words],
      stdin: input && Readable.from(inPieces(input)),
      stdout: output.stream,
      stderr: errors.stream,
      signal: AbortSignal.any([limit, tooMuch.signal]),
    })
    const code = await running.catch((error) => {
      if (tooMuch.signal.aborted) throw this.strange('it says too much')
      if (limit.aborted) throw this.strange('it takes too long')
      throw error
    })
    if (code === NO_FOLDER)
      throw new CloisterError('not-found', `${this.to.name} has no folder ${this.folder}.`, {
        hint: 'Name the path where a volume of that lease is mounted.',
      })
    if (code === NO_PROGRAM)
      throw new CloisterError(
        'not-found',
        `The image of ${this.to.name} lacks what snapshots are kept with: sh, cat, stat, mkdir, mv, rm, sync.`,
        { hint: 'Any image of Debian, Alpine or BusyBox has them.' },
      )
    if (code === CUT_OFF) throw this.strange('what was sent was cut off')
    if (code !== 0 && code !== NO_OBJECT)
      throw this.strange(errors.whole().toString().trim().slice(0, 200) || `a command ended with ${code}`)
    return { code, output: output.whole() }
  }

  private strange(why: string): CloisterError {
    return new CloisterError('unreachable', `The store at ${this.place} does not do its work: ${why}.`)
  }
}

function* inPieces(bytes: Uint8Array): Generator<Buffer> {
  const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let at = 0; at < whole.length; at += INPUT_BYTES) yield whole.subarray(at, at + INPUT_BYTES)
}
