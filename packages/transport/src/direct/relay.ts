import type { Duplex } from 'node:stream'
import { MAX_HEADER_BYTES, Refusal, tooLarge } from '../framing.ts'
import { MuxStream } from '../mux/stream.ts'
import { type AllowedSilence, SAFE } from '../request.ts'
import { Silence } from '../silence.ts'
import { ChunkReader } from './chunks.ts'
import { BodyGatherer, type BodyRoom } from './gather.ts'
import { type AnswerHead, HEAD_END, type RequestHead, readAnswerHead, readRequestHead } from './head.ts'
import { KeptConnection, type KeptConnections, type Onward } from './kept.ts'
import { type Line, lineOf } from './line.ts'
import { answerText, lastChunk, requestText, type Said, saidText } from './write.ts'

/** Milliseconds that a client's connection may be without a request. */
const IDLE_MS = 65_000
/** For how long, and how much of, what a client still sends is read after its answer. */
const LINGER_MS = 2_000
const LINGER_BYTES = 4 * 1024 * 1024
const NOTHING = Buffer.alloc(0)

/** On which terms a request is read. */
interface Terms {
  maxBodyBytes: number
  silence: AllowedSilence
  /** What is said where the request is refused or the other side can't answer. */
  refuse(refusal: Refusal): Said
}

/** A request that goes where its body says: that is read whole, and sent as often as it takes. */
export interface Gathering extends Terms {
  /** What bodies take of it while they come; that of a whole one is `whole`'s to give back. */
  room?: BodyRoom
  /** Where a request with this body goes, or what is said to it. */
  whole(body: Buffer): Way | Said | Promise<Way | Said>
}

/** Where a request goes, and on which terms. */
export interface Way extends Terms {
  /** Connections are kept by it, and never used for another. */
  target: string
  /** Header lines in place of those that are replaced, each with its end. */
  lines: string
  /** The whole body of a request that was gathered, sent with its length. */
  body?: Buffer | undefined
  /** Connects to the target, in place of the front's way. */
  dial?(): Promise<Duplex | undefined>
  /** Fields of the request that don't go on, in place of the front's. */
  replaced?: ReadonlySet<string>
  /** Fields of the answer that don't go on, in place of the front's. */
  removed?: ReadonlySet<string>
  /** An answer is passed on from here; what is returned are lines for its head, each with its end. */
  answered?(answer: AnswerHead): string
  /** The first of an answer's body is passed on. */
  began?(): void
  /** What is said in a body without a length that broke off, before its end; undefined to say nothing. */
  lastWords?(): string | undefined
  /** The request is over, with this status; 0 where it was not answered. */
  ended?(status: number): void
  /** May answer instead of the other side. */
  intercept?(answer: AnswerHead): Said | undefined
  /**
   * Another way for a request without a body, or with one that was gathered, whose answer was intercepted;
   * also, where it was gathered, if it came to nothing. Undefined where what would be said instead is said.
   */
  instead?(): Way | undefined
  /** Is told how to leave the other side while nothing of its answer has come; what it gives ends that. */
  watch?: ((leave: () => void) => () => void) | undefined
}

/** What the direct way needs of its surroundings. */
export interface DirectParts {
  /** Finds where a request goes; undefined for what needs more care, such as a page of our own. */
  find(head: RequestHead, client: Duplex): Way | Gathering | undefined | Promise<Way | Gathering | undefined>
  /** Connects to a target. Undefined where the direct way doesn't lead there. */
  dial(target: string): Promise<Duplex | undefined>
  /** Reads a connection by Node's parser from now on. */
  careful(client: Duplex): void
  kept: KeptConnections
  /** Fields of requests that are ours to set. */
  replaced: ReadonlySet<string>
  /** Fields of answers that are ours to set. */
  removed: ReadonlySet<string>
  /** Whether clients are told for how long connections are kept. */
  tellsKeepAlive: boolean
  /** A request began; what is returned is called with its answer's status, 0 where there was none. */
  begun(): (status: number) => void
  /** The connection is closed, or read by Node from now on. */
  ended(relay: DirectRelay): void
}

/**
 * Relays requests of the common shape from a client's connection, heads read and written by hand, bodies as
 * they are. At the first that is of another shape the connection goes to Node's parser, with the bytes that
 * were read. One request at a time; the rules are those of `relayRequest`.
 */
export class DirectRelay implements Onward {
  private readonly client: Duplex
  private readonly line: Line
  private readonly parts: DirectParts
  private readonly silence = new Silence(() => this.silent())
  private state: 'idle' | 'finding' | 'gathering' | 'answering' | 'over' = 'idle'
  /** What came and was not looked at. */
  private leftover: Buffer | undefined
  /** What the present request began with. */
  private first: Buffer | undefined
  private head!: RequestHead
  private way!: Way
  private terms!: Terms
  private gathering: Gathering | undefined
  private gatherer: BodyGatherer | undefined
  private onward: KeptConnection | undefined
  private hasRepeated = false
  private unwatch: (() => void) | undefined
  private ended: ((status: number) => void) | undefined
  private isLeaving = false

  // The request's body.
  private sent = false
  private left = 0
  private chunks: ChunkReader | undefined
  private seen = 0

  // The answer.
  private headBytes: Buffer | undefined
  private answer: AnswerHead | undefined
  private hasBegun = false
  private answerLeft = 0
  private answerChunks: ChunkReader | undefined
  private lingering = LINGER_BYTES

  constructor(client: Duplex, parts: DirectParts) {
    this.client = client
    this.parts = parts
    this.line = lineOf(client, {
      data: (chunk) => this.data(chunk),
      drained: () => this.clientDrained(),
      filled: () => this.clientFilled(),
      over: () => this.clientGone(),
    })
    this.silence.allow(IDLE_MS)
  }

  /** Takes no request after the present one. */
  leave(): void {
    this.isLeaving = true
    if (this.state === 'idle') this.client.destroy()
  }

  private data(chunk: Buffer): void {
    if (this.state === 'idle') this.begin(chunk)
    else if (this.state === 'answering' && !this.sent) this.upload(chunk)
    else if (this.state === 'gathering') this.gather(chunk)
    else if (this.state === 'over') this.linger(chunk)
    else this.hold(chunk)
  }

  private hold(chunk: Buffer): void {
    if (chunk.length === 0) return
    this.leftover = this.leftover ? Buffer.concat([this.leftover, chunk]) : Buffer.from(chunk)
    this.line.hold()
  }

  private begin(chunk: Buffer): void {
    this.read(chunk)
    // What it began with is there no longer than now.
    this.first = this.state === 'finding' && !this.gathering ? Buffer.from(chunk) : undefined
  }

  private read(chunk: Buffer): void {
    const end = chunk.indexOf(HEAD_END)
    this.first = chunk
    const head =
      end < 0 || end > MAX_HEADER_BYTES ? undefined : readRequestHead(chunk.toString('latin1', 0, end))
    if (!head) return this.handOver()
    this.head = head
    this.state = 'finding'
    this.hasRepeated = false
    this.gathering = undefined
    const way = this.parts.find(this.head, this.client)
    if (!(way instanceof Promise)) return this.go(way)
    this.line.hold()
    way.then(
      (found) => this.go(found),
      () => this.handOver(),
    )
  }

  private go(way: Way | Gathering | undefined): void {
    if (this.state !== 'finding') return
    const { framing } = this.head
    if (!way || (typeof framing === 'number' && framing > way.maxBodyBytes)) return this.handOver()
    this.terms = way
    if ('whole' in way) return this.beginGathering(way)
    this.way = way
    const kept = this.parts.kept.take(way.target)
    if (kept) this.start(kept)
    else this.dial(way, () => this.handOver())
  }

  private beginGathering(gathering: Gathering): void {
    this.gathering = gathering
    this.gatherer = new BodyGatherer(this.head.framing, gathering.maxBodyBytes, gathering.room)
    this.state = 'gathering'
    this.sent = false
    this.answer = undefined
    this.ended ??= this.parts.begun()
    this.silence.allow(gathering.silence.clientMs)
    this.gather(this.bytesAfterHead())
    if (this.state === 'gathering' && this.line.isHeld) this.line.goOn()
  }

  private gather(chunk: Buffer): void {
    const { gatherer, gathering } = this
    if (!gatherer || !gathering) return
    let rest: Buffer | undefined
    try {
      rest = gatherer.add(chunk)
    } catch (error) {
      const wrong = new Refusal(400, 'the body is not in chunks', { cause: error })
      return this.say(gathering.refuse(error instanceof Refusal ? error : wrong))
    }
    if (!rest) return this.silence.heard()
    this.gatherer = undefined
    this.sent = true
    this.state = 'finding'
    this.hold(rest)
    const way = gathering.whole(gatherer.take())
    if (!(way instanceof Promise)) return this.goWhole(way)
    this.line.hold()
    way.then(
      (found) => this.goWhole(found),
      () => this.state === 'over' || this.say(gathering.refuse(new Refusal(502, 'it can not be led on'))),
    )
  }

  /** Leads on a request that was gathered. */
  private goWhole(way: Way | Said): void {
    if (!('target' in way)) {
      if (this.state !== 'over') this.say(way)
      return
    }
    if (this.state === 'over') return way.ended?.(0)
    this.way = way
    this.terms = way
    const kept = this.parts.kept.take(way.target)
    if (kept) this.start(kept)
    else this.dial(way, () => this.unreachable())
  }

  private unreachable(): void {
    this.fail(new Refusal(502, 'the other side does not answer'))
  }

  /** Connects anew; `failed` where that is not to be had. */
  private dial(way: Way, failed: () => void): void {
    this.line.hold()
    const dialling = way.dial ? way.dial() : this.parts.dial(way.target)
    dialling.then(
      (duplex) => {
        if (this.state === 'over') duplex?.destroy()
        else if (duplex) this.start(new KeptConnection(duplex))
        else failed()
      },
      () => this.state === 'over' || failed(),
    )
  }

  private start(onward: KeptConnection): void {
    const { way, head } = this
    this.onward = onward
    onward.user = this
    this.state = 'answering'
    this.headBytes = undefined
    this.answer = undefined
    this.ended ??= this.parts.begun()
    this.hasBegun = false
    const { framing } = head
    const { body } = way
    const isGathered = this.gathering !== undefined
    this.sent = isGathered || framing === 'none' || framing === 0
    this.left = typeof framing === 'number' ? framing : 0
    this.chunks = framing === 'open' ? new ChunkReader() : undefined
    this.seen = 0
    const rest = this.hasRepeated || isGathered ? NOTHING : this.bytesAfterHead()
    this.unwatch = way.watch?.(() => this.leaveSilent())
    const { duplex } = onward
    // It was closed while it was waited for; nobody would tell of it again.
    if (duplex.destroyed) return this.over(false)
    const sentHead = body ? { ...head, framing: body.length } : head
    const text = requestText(sentHead, way.replaced ?? this.parts.replaced, way.lines)
    if (this.sent) {
      onward.line.send(text, body)
      onward.line.flush()
      this.silence.allow(way.silence.answerMs)
      this.hold(rest)
    } else {
      onward.line.gather()
      onward.line.send(text)
      if (rest.length > 0) this.upload(rest)
      else this.silence.allow(way.silence.clientMs)
      onward.line.letGo()
    }
    if (!this.leftover && this.line.isHeld && (this.sent || !onward.line.isFull)) this.line.goOn()
  }

  /** What came after the head, in its order. */
  private bytesAfterHead(): Buffer {
    const { first = NOTHING, leftover = NOTHING } = this
    this.leftover = undefined
    const rest = first.subarray(first.indexOf(HEAD_END) + HEAD_END.length)
    return leftover.length === 0 ? rest : Buffer.concat([rest, leftover])
  }

  /** Passes a piece of the request's body on. */
  private upload(chunk: Buffer): void {
    const { onward, way } = this
    if (!onward) return
    const { line } = onward
    let rest: Buffer | undefined
    if (this.chunks) {
      line.gather()
      try {
        rest = this.chunks.read(chunk, { data: (piece) => this.uploadChunk(piece) })
        if (rest) line.send(lastChunk(this.chunks.trailers))
      } catch (error) {
        return this.fail(
          error instanceof Refusal ? error : new Refusal(400, 'the body is not in chunks', { cause: error }),
        )
      }
      line.letGo()
    } else {
      const piece = chunk.length > this.left ? chunk.subarray(0, this.left) : chunk
      this.left -= piece.length
      line.sendBytes(piece)
      if (this.left === 0) rest = chunk.subarray(piece.length)
    }
    if (rest) {
      this.sent = true
      if (!this.answer) this.silence.allow(way.silence.answerMs)
      return this.hold(rest)
    }
    if (line.isFull) this.filled()
    else if (!this.answer) this.silence.allow(way.silence.clientMs)
  }

  /** The connection behind takes no more for now. */
  filled(): void {
    if (this.sent || this.state !== 'answering') return
    this.line.hold()
    if (!this.answer) this.silence.allow(this.way.silence.sendMs)
  }

  private uploadChunk(piece: Buffer): void {
    const { onward, way } = this
    if (!onward) return
    this.seen += piece.length
    if (this.seen > way.maxBodyBytes) throw tooLarge(way.maxBodyBytes)
    sendChunk(onward.line, piece)
  }

  /** The connection behind takes more. */
  drained(): void {
    if (this.sent || this.state !== 'answering') return
    if (!this.answer) this.silence.allow(this.way.silence.clientMs)
    this.line.goOn()
  }

  /** Something of the answer came. */
  answered(chunk: Buffer): void {
    if (this.answer) return this.download(this.answer, chunk)
    let rest = this.headBytes ? Buffer.concat([this.headBytes, chunk]) : chunk
    for (;;) {
      const end = rest.indexOf(HEAD_END)
      if (end < 0 ? rest.length > MAX_HEADER_BYTES : end > MAX_HEADER_BYTES)
        return this.fail(new Refusal(502, 'the head of the answer is too long'))
      if (end < 0) {
        this.headBytes = Buffer.from(rest)
        return
      }
      let head: AnswerHead | 'interim'
      try {
        head = readAnswerHead(rest.toString('latin1', 0, end), this.head.method)
      } catch (cause) {
        return this.fail(new Refusal(502, 'the other side does not answer', { cause }))
      }
      rest = rest.subarray(end + HEAD_END.length)
      if (head !== 'interim') return this.reply(head, rest)
      // It says nothing of a client that is silent.
      if (this.sent || this.onward?.line.isFull) this.silence.heard()
      this.headBytes = undefined
      if (rest.length === 0) return
    }
  }

  private reply(answer: AnswerHead, rest: Buffer): void {
    const { way, head, line } = this
    const said = way.intercept?.(answer)
    if (said) {
      const other = this.gathering || head.framing === 'none' ? way.instead?.() : undefined
      return other ? this.leadElsewhere(other) : this.say(said)
    }
    const lines = way.answered?.(answer) ?? ''
    this.answer = answer
    this.silence.allow(undefined)
    this.answerLeft = typeof answer.framing === 'number' ? answer.framing : 0
    this.answerChunks = answer.framing === 'open' && answer.isChunked ? new ChunkReader() : undefined
    const removed = way.removed ?? this.parts.removed
    const text = answerText(answer, head.method, removed, lines + this.connectionLines(head))
    if (answer.framing === 'none') {
      line.send(text)
      this.finish(rest.length === 0)
    } else if (answer.framing === 'open') {
      line.gather()
      line.send(text)
      this.download(answer, rest)
      line.letGo()
    } else {
      const piece = this.takePiece(rest)
      line.send(text, piece)
      this.sentOn(piece.length === rest.length)
    }
  }

  /** Leads a request elsewhere whose other side is found to be silent, where it may be sent twice. */
  private leaveSilent(): void {
    const { state, answer, headBytes, head, way } = this
    if (state !== 'answering' || answer || headBytes) return
    if (!this.gathering && (head.framing !== 'none' || !SAFE.has(head.method))) return
    const other = way.instead?.()
    if (other) this.leadElsewhere(other)
  }

  /** Leads a request that may be sent again another way, as if it had come just now. */
  private leadElsewhere(way: Way): void {
    // One that was gathered may be sent over a connection that was kept there, and once more then.
    this.hasRepeated = !this.gathering
    this.release(false)
    this.headBytes = undefined
    this.state = 'finding'
    this.way = way
    this.terms = way
    const kept = this.gathering && this.parts.kept.take(way.target)
    if (kept) this.start(kept)
    else this.dial(way, () => this.unreachable())
  }

  private connectionLines({ closes }: RequestHead): string {
    if (closes || this.isLeaving) return 'connection: close\r\n'
    return this.parts.tellsKeepAlive ? 'connection: keep-alive\r\nkeep-alive: timeout=65\r\n' : ''
  }

  /** Passes a piece of the answer's body on. */
  private download(answer: AnswerHead, chunk: Buffer): void {
    const { line } = this
    if (answer.framing !== 'open') {
      const piece = this.takePiece(chunk)
      line.sendBytes(piece)
      return this.sentOn(piece.length === chunk.length)
    }
    line.gather()
    const rest = this.downloadOpen(chunk)
    line.letGo()
    if (rest) this.finish(rest.length === 0)
    else if (this.onward) this.moved()
  }

  /** Passes a piece of a body without a length on; returns what comes after its end. */
  private downloadOpen(chunk: Buffer): Buffer | undefined {
    const { line, answerChunks } = this
    if (chunk.length > 0) this.begins()
    if (!answerChunks) {
      if (chunk.length > 0) sendChunk(line, chunk)
      return undefined
    }
    try {
      const rest = answerChunks.read(chunk, { data: (piece) => sendChunk(line, piece) })
      if (rest) line.send(lastChunk(answerChunks.trailers))
      return rest
    } catch (cause) {
      this.fail(new Refusal(502, 'the answer broke off', { cause }))
      return undefined
    }
  }

  /** What of `chunk` belongs to a body with a length. */
  private takePiece(chunk: Buffer): Buffer {
    const piece = chunk.length > this.answerLeft ? chunk.subarray(0, this.answerLeft) : chunk
    if (piece.length > 0) this.begins()
    this.answerLeft -= piece.length
    return piece
  }

  private begins(): void {
    if (this.hasBegun) return
    this.hasBegun = true
    this.way.began?.()
  }

  private sentOn(isClean: boolean): void {
    if (this.answerLeft === 0) this.finish(isClean)
    else this.moved()
  }

  private moved(): void {
    const { clientMs, streamMs } = this.way.silence
    const { isFull } = this.line
    if (isFull) this.onward?.line.hold()
    this.silence.allow(isFull ? clientMs : streamMs)
  }

  private clientFilled(): void {
    if (this.state === 'answering' && this.answer) this.moved()
  }

  /** The client takes more. */
  private clientDrained(): void {
    if (this.state !== 'answering' || !this.answer) return
    this.moved()
    this.onward?.line.goOn()
  }

  /** The connection behind has ended; `isClean` where the other side said so. */
  over(isClean: boolean): void {
    const { answer } = this
    if (answer?.framing === 'open' && !answer.isChunked && isClean) {
      this.line.send('0\r\n\r\n')
      return this.finish(false)
    }
    if (answer || !this.mayRepeat()) return this.fail(new Refusal(502, 'the other side does not answer'))
    // A kept connection may have been closed by the other side just now; what has no body and no effect goes
    // again, and what was gathered to be sent again.
    this.hasRepeated = true
    this.release(false)
    this.state = 'finding'
    this.dial(this.way, () => this.unreachable())
  }

  private mayRepeat(): boolean {
    const { head, onward, headBytes, hasRepeated } = this
    if (!onward || headBytes || hasRepeated) return false
    const wasKept = onward.wasUsed || (onward.duplex instanceof MuxStream && onward.duplex.isKept)
    return wasKept && (this.gathering !== undefined || (head.framing === 'none' && SAFE.has(head.method)))
  }

  /** The answer has ended. `isClean`: nothing came after it. */
  private finish(isClean: boolean): void {
    const { answer, head } = this
    if (!answer) return
    this.release(isClean && this.sent && answer.isKept)
    this.tellEnded(answer.status)
    if (!this.sent || head.closes || this.isLeaving) return this.close()
    this.next()
  }

  private tellEnded(status: number): void {
    const { ended, way } = this
    this.gatherer?.drop()
    this.gatherer = undefined
    this.ended = undefined
    ended?.(status)
    if (ended && way === this.terms) way.ended?.(status)
  }

  /** Waits for the next request. */
  private next(): void {
    this.state = 'idle'
    this.gathering = undefined
    this.first = undefined
    this.silence.allow(IDLE_MS)
    const next = this.leftover
    this.leftover = undefined
    if (next) setImmediate(() => this.goOn(next))
    else this.line.goOn()
  }

  /** Begins with what came before its turn. */
  private goOn(next: Buffer): void {
    if (this.client.destroyed) return
    this.begin(next)
  }

  /** Gives the connection behind back, or up. */
  private release(isKept: boolean): void {
    const { onward, way } = this
    this.onward = undefined
    this.unwatch?.()
    this.unwatch = undefined
    if (!onward) return
    onward.user = undefined
    const { duplex } = onward
    if (!isKept || duplex.destroyed || (duplex instanceof MuxStream && duplex.isLarge))
      return void duplex.destroy()
    onward.line.goOn()
    this.parts.kept.keep(way.target, onward)
  }

  private fail(refusal: Refusal): void {
    if (this.state === 'over') return
    const { answer, way } = this
    if (!answer) {
      const said = way.refuse(refusal)
      const other = this.gathering ? way.instead?.() : undefined
      return other ? this.leadElsewhere(other) : this.say(said)
    }
    this.release(false)
    const words = answer.framing === 'open' && this.client.writable ? way.lastWords?.() : undefined
    if (words === undefined) {
      this.line.flush()
      return void this.client.destroy()
    }
    sendChunk(this.line, Buffer.from(words))
    this.line.send('0\r\n\r\n')
    this.tellEnded(answer.status)
    this.close()
  }

  /** Answers in our own name. */
  private say(said: Said): void {
    if (this.state === 'over') return
    this.release(false)
    this.tellEnded(said.status)
    const keeps = this.gathering !== undefined && this.sent && !this.head.closes && !this.isLeaving
    const lines = keeps ? this.connectionLines(this.head) : 'connection: close\r\n'
    this.line.sendBytes(Buffer.from(saidText(said, this.head.method, lines)))
    if (!keeps) return this.close()
    this.line.flush()
    this.next()
  }

  /** Closes the client's connection once it has its answer, and reads what it still sends for a moment. */
  private close(): void {
    this.state = 'over'
    this.leftover = undefined
    this.silence.allow(this.terms.silence.clientMs)
    this.line.flush()
    this.client.end(() => this.silence.allow(LINGER_MS))
    this.line.goOn()
  }

  private linger(chunk: Buffer): void {
    this.lingering -= chunk.length
    if (this.lingering < 0) this.client.destroy()
  }

  private silent(): void {
    if (this.state === 'gathering')
      return this.say(this.terms.refuse(new Refusal(408, 'nothing came from the client in time')))
    if (this.state !== 'answering') return void this.client.destroy()
    const { line, onward } = this
    const clientWaits = this.answer ? !line.isFull : this.sent || onward?.line.isFull
    this.fail(
      clientWaits
        ? new Refusal(504, 'nothing came from the other side in time')
        : new Refusal(408, 'nothing came from the client in time'),
    )
  }

  /** The client has ended, or its connection is gone: nobody waits for an answer. */
  private clientGone(): void {
    this.silence.end()
    this.state = 'over'
    this.release(false)
    this.tellEnded(this.answer?.status ?? 0)
    this.client.destroy()
    this.parts.ended(this)
  }

  /** Leaves the connection to Node's parser, with what was read of it. */
  private handOver(): void {
    if (this.state === 'over') return
    const { client, first, leftover } = this
    this.state = 'over'
    this.silence.end()
    this.line.leave()
    this.parts.ended(this)
    if (client.destroyed) return
    client.pause()
    if (leftover) client.unshift(leftover)
    if (first) client.unshift(Buffer.from(first))
    this.parts.careful(client)
    client.resume()
  }
}

function sendChunk(to: Line, piece: Buffer): void {
  to.send(`${piece.length.toString(16)}\r\n`, piece)
  to.send('\r\n')
}
