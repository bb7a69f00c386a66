import type { LogLine } from '../executor.ts'
import { cutLine, logLine } from './line.ts'
import type { LogFormat } from './read-file.ts'

/** Podman cuts what it writes into pieces of 8 KiB; what is put together of them is let grow to this. */
const MAX_JOINED = 256 * 1024

/**
 * Podman's `k8s-file` logs. An entry is `TIME STREAM TAG TEXT`, TAG being `P` for a piece of a line and `F`
 * for its end.
 *
 * Source: Kubernetes, CRI logging proposal (design-proposals/node/kubelet-cri-logging.md), "Log format".
 */
export class K8sLogFormat implements LogFormat {
  private readonly pieces = { stdout: [] as Buffer[], stderr: [] as Buffer[] }
  private readonly times = { stdout: 0, stderr: 0 }

  entry(bytes: Buffer): LogLine[] {
    const match = /^(\S{20,40}) (stdout|stderr) ([PF]) /.exec(bytes.toString('latin1', 0, 60))
    const time = Date.parse(match?.[1] ?? '')
    const stream = match?.[2] as LogLine['stream']
    if (!match || Number.isNaN(time)) return []
    const pieces = this.pieces[stream]
    if (pieces.length === 0) this.times[stream] = time
    pieces.push(Buffer.from(bytes.subarray(match[0].length)))
    const size = pieces.reduce((sum, piece) => sum + piece.length, 0)
    return match[3] === 'F' || size > MAX_JOINED ? this.join(stream) : []
  }

  rest(): LogLine[] {
    return [...this.join('stdout'), ...this.join('stderr')]
  }

  private join(stream: LogLine['stream']): LogLine[] {
    const pieces = this.pieces[stream].splice(0)
    if (pieces.length === 0) return []
    return cutLine(Buffer.concat(pieces).toString('utf8')).map((text) =>
      logLine(this.times[stream], stream, text),
    )
  }
}
