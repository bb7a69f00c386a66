import type { Cell } from './bubblewrap.ts'
import type { CgroupVersion, Limits } from './cgroup.ts'

/** What the executor tells the keeper to run. */
export interface KeeperStart {
  revision: string
  digest: string
  argv: string[]
  /** Cell without its root, which the keeper mounts. */
  cell: Omit<Cell, 'root' | 'binds' | 'tmpfs'>
  /** Unpacked image. */
  image: string
  mounts: { from: string; to: string; readOnly: boolean; kind: 'folder' | 'file'; fresh: boolean }[]
  tmpfs: Cell['tmpfs']
  user: string
  limits: Limits
  cgroups: CgroupVersion
  cgroupName: string
  ulimits: Record<string, { soft: number; hard: number }>
  stopSignal: string
}

/** A container as its keeper remembers it, on disk too. */
export interface KeeperState {
  revision: string
  digest: string
  startedAt: number
  exit: { code: number; outOfMemory: boolean } | null
}

/** What starts a command in a running container. */
export interface KeeperExec {
  argv: string[]
  terminal: { columns: number; rows: number } | null
}

/** Frames of an exec stream: kind, length as 4 bytes big endian, payload. */
export const FRAME = { stdin: 0, stdout: 1, stderr: 2, exit: 3, resize: 4, endOfInput: 5 } as const

export function encodeFrame(kind: number, payload: Buffer): Buffer {
  const frame = Buffer.alloc(5 + payload.length)
  frame[0] = kind
  frame.writeUInt32BE(payload.length, 1)
  payload.copy(frame, 5)
  return frame
}

/** Returns a function that takes chunks and calls back for each whole frame. Throws RangeError on one over 1 MiB. */
export function frameReader(onFrame: (kind: number, payload: Buffer) => void): (chunk: Buffer) => void {
  let buffered: Buffer = Buffer.alloc(0)
  return (chunk) => {
    buffered = buffered.length === 0 ? chunk : Buffer.concat([buffered, chunk])
    while (buffered.length >= 5) {
      const length = buffered.readUInt32BE(1)
      if (length > 1024 * 1024) throw new RangeError('frame too long')
      if (buffered.length < 5 + length) return
      onFrame(buffered[0] ?? 0, buffered.subarray(5, 5 + length))
      buffered = buffered.subarray(5 + length)
    }
  }
}
