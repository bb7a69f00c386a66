import { type ControlFrame, DATA, HEADER_BYTES, writeControl, writeHead } from './frame.ts'

/** A frame that a test sends. */
export type Frame = ControlFrame | { kind: typeof DATA; stream: number; bytes: Buffer }

/** Frames as they are sent. */
export function encodeFrames(frames: Frame[]): Buffer {
  return Buffer.concat(frames.map(encodeFrame))
}

function encodeFrame(frame: Frame): Buffer {
  const head = Buffer.alloc(HEADER_BYTES + 4)
  if (frame.kind !== DATA) return head.subarray(0, writeControl(frame, head, 0))
  writeHead(head, 0, frame.stream, DATA, frame.bytes.length)
  return Buffer.concat([head.subarray(0, HEADER_BYTES), frame.bytes])
}
