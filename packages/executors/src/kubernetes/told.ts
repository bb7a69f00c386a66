import { createReadStream } from 'node:fs'
import { constants } from 'node:os'
import type { ContainerFile, ContainerSpec } from '../executor.ts'
import { FILES_FOLDER, ORDER_PATH } from './names.ts'
import { Order } from './order.ts'

/** Bytes of a file that one order has. */
const PIECE_BYTES = 1024 * 1024

/** What a container's program is begun with, which its commands are begun with, too. */
export type Told = Pick<ContainerSpec, 'argv' | 'env' | 'workingDir' | 'ulimits'>

/**
 * Orders for the first process of a pod: files, folders in memory, and the order of the container's own
 * program, which that finds there.
 */
export async function* preparation(spec: ContainerSpec): AsyncGenerator<Buffer> {
  for (const [index, file] of spec.files.entries()) yield* fileOrders(`${FILES_FOLDER}/f${index}`, file)
  const last = new Order()
  for (const [index, { mode = 0o1777, uid = 0, gid = 0 }] of spec.tmpfs.entries())
    last.chown(`/.cloister/t${index}`, { uid, gid }).chmod(`/.cloister/t${index}`, mode)
  // Whoever its user is reads it: nobody but the container's own programs is there.
  yield last.writeFile(ORDER_PATH, mainOrder(spec), 0o444).exit(0).bytes()
}

async function* fileOrders(
  path: string,
  { content, mode, uid = 0, gid = 0 }: ContainerFile,
): AsyncGenerator<Buffer> {
  let before: Buffer | undefined
  let isFirst = true
  const order = (piece: Buffer, isLast: boolean) => {
    const how = { isFirst, isLast, mode, owner: { uid, gid } }
    isFirst = false
    return new Order().appendFile(path, piece, how).bytes()
  }
  for await (const piece of piecesOf(content)) {
    if (before) yield order(before, false)
    before = piece
  }
  yield order(before ?? Buffer.alloc(0), true)
}

async function* piecesOf(content: ContainerFile['content']): AsyncGenerator<Buffer> {
  if (Buffer.isBuffer(content))
    for (let at = 0; at < content.length; at += PIECE_BYTES) yield content.subarray(at, at + PIECE_BYTES)
  else yield* createReadStream(content.file, { highWaterMark: PIECE_BYTES })
}

/** The order that runs a container's program. */
function mainOrder(told: Told): Buffer {
  return begin(told).run(told.argv, told.env).bytes()
}

/** The order that runs a command as a container's program would; `framed`: its input comes in frames. */
export function commandOrder(told: Told, argv: readonly string[], framed: boolean, own?: string): Buffer {
  const order = begin(told, own === undefined ? new Order() : new Order().unlink(own))
  return (framed ? order.pump() : order).run(argv, told.env).bytes()
}

function begin({ ulimits, workingDir }: Told, order = new Order()): Order {
  for (const [name, limit] of Object.entries(ulimits)) order.limit(name, limit)
  return order.workIn(workingDir)
}

/** The order that sends a signal to a container's program. */
export function signalOrder(signal: string): Buffer {
  const number = constants.signals[signal as NodeJS.Signals] ?? constants.signals.SIGTERM
  return new Order().kill(1, number).exit(0).bytes()
}
