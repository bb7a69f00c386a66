/** System calls that orders are made of (Linux, x86-64). */
export const CALL = {
  read: 0,
  write: 1,
  open: 2,
  close: 3,
  mmap: 9,
  pread: 17,
  execve: 59,
  kill: 62,
  chdir: 80,
  mkdir: 83,
  link: 86,
  unlink: 87,
  symlink: 88,
  readlink: 89,
  fchmod: 91,
  chmod: 90,
  chown: 92,
  fchown: 93,
  lchown: 94,
  getdents: 217,
  exitGroup: 231,
  utimensat: 280,
  prlimit: 302,
  statx: 332,
  /** No call: standard input comes in frames from here on (`starter.s`). */
  pump: 0x7000,
} as const

/** Flags of open(2), on x86-64. */
export const OPEN = {
  readOnly: 0,
  writeOnly: 1,
  create: 0o100,
  truncate: 0o1000,
  append: 0o2000,
  nonBlocking: 0o4000,
  folder: 0o200000,
  noFollow: 0o400000,
} as const
const STEP_BYTES = 88
/** Whatever comes out of it will do. */
export const ANYTHING = -(1n << 63n)
/** The starter reads standard input into where its order was, so that none is small. */
const LEAST_BYTES = 16 * 1024
/** Order of `getrlimit(2)` on x86-64. */
const LIMITS = [
  'cpu',
  'fsize',
  'data',
  'stack',
  'core',
  'rss',
  'nproc',
  'nofile',
  'memlock',
  'as',
  'locks',
  'sigpending',
  'msgqueue',
  'nice',
  'rtprio',
  'rttime',
]

/** With what the starter exits where a step fails, in the words of shells where they have some. */
export const FAILED = {
  file: 121,
  limit: 122,
  workingDir: 123,
  order: 125,
  notExecutable: 126,
  noProgram: 127,
} as const

/** A place in the parts, or that of an argument of a step. */
export type Place = { at: number } | { step: number; arg: number }
type Value = number | bigint | Place

interface Step {
  call: number
  args: Value[]
  /** Where its result goes. */
  store?: Place | undefined
  /** Where its first argument is, in place of the one it says. */
  load?: Place | undefined
  least?: bigint
  code?: number
}

/**
 * What the starter is to do: system calls, one after the other, and what they point to. `bytes` is what it
 * reads, its length before it.
 */
export class Order {
  private readonly steps: Step[] = []
  private readonly parts: Buffer[] = []
  /** Places in the parts that hold a distance from the beginning of the parts. */
  private readonly links: number[] = []
  private length = 0

  /** Writes a file, whole or not at all. Its folder has to be there. */
  writeFile(path: string, content: Buffer, mode: number, owner?: { uid: number; gid: number }): this {
    return this.appendFile(path, content, { isFirst: true, isLast: true, mode, owner })
  }

  /** Writes a piece of a file that comes in several. */
  appendFile(
    path: string,
    content: Buffer,
    how: {
      isFirst: boolean
      isLast: boolean
      mode: number
      owner?: { uid: number; gid: number } | undefined
    },
  ): this {
    const code = FAILED.file
    const flags = OPEN.writeOnly | OPEN.create | OPEN.noFollow | (how.isFirst ? OPEN.truncate : OPEN.append)
    const file = this.slot()
    this.step({ call: CALL.open, args: [this.text(path), flags, 0o600], store: file, code })
    const { isLast, owner, mode } = how
    const least = BigInt(content.length)
    const args = [0, this.data(content), content.length]
    this.step({ call: CALL.write, load: file, args, least, code })
    if (isLast && owner) this.step({ call: CALL.fchown, load: file, args: [0, owner.uid, owner.gid], code })
    if (isLast) this.step({ call: CALL.fchmod, load: file, args: [0, mode], code })
    return this.step({ call: CALL.close, load: file, args: [], code })
  }

  chown(path: string, { uid, gid }: { uid: number; gid: number }): this {
    return this.step({ call: CALL.chown, args: [this.text(path), uid, gid], code: FAILED.file })
  }

  chmod(path: string, mode: number): this {
    return this.step({ call: CALL.chmod, args: [this.text(path), mode], code: FAILED.file })
  }

  unlink(path: string): this {
    return this.step({ call: CALL.unlink, args: [this.text(path)], code: FAILED.file })
  }

  /** Prints at most `most` bytes of a file; nothing where there is none. */
  print(path: string, most: number): this {
    const file = this.slot()
    const buffer = this.data(Buffer.alloc(most))
    const args = [0, buffer, most]
    this.step({ call: CALL.open, args: [this.text(path), OPEN.readOnly], store: file, least: ANYTHING })
    const length: Place = { step: this.steps.length + 1, arg: 2 }
    this.step({ call: CALL.read, load: file, args, store: length, least: ANYTHING })
    this.step({ call: CALL.write, args: [1, buffer, 0], least: ANYTHING })
    return this.step({ call: CALL.close, load: file, args: [], least: ANYTHING })
  }

  /** Prints a text. */
  say(text: string): this {
    const bytes = Buffer.from(text)
    return this.step({ call: CALL.write, args: [1, this.data(bytes), bytes.length], least: ANYTHING })
  }

  kill(pid: number, signal: number): this {
    return this.step({ call: CALL.kill, args: [pid, signal], code: 1 })
  }

  /** Sets a limit of the kernel for what runs from here on. */
  limit(name: string, { soft, hard }: { soft: number; hard: number }): this {
    const resource = LIMITS.indexOf(name)
    if (resource < 0) throw new Error(`no limit of the kernel is called ${name}`)
    const values = Buffer.alloc(16)
    const value = (limit: number) => (limit < 0 ? (1n << 64n) - 1n : BigInt(limit))
    values.writeBigUInt64LE(value(soft), 0)
    values.writeBigUInt64LE(value(hard), 8)
    return this.step({ call: CALL.prlimit, args: [0, resource, this.data(values), 0], code: FAILED.limit })
  }

  /** Goes to a folder, which is made where it isn't there (its parents too). */
  workIn(path: string): this {
    const names = path.split('/').filter(Boolean)
    for (let depth = 1; depth <= names.length; depth++) {
      const folder = this.text(`/${names.slice(0, depth).join('/')}`)
      this.step({ call: CALL.mkdir, args: [folder, 0o755], least: ANYTHING })
    }
    return this.step({ call: CALL.chdir, args: [this.text(path)], code: FAILED.workingDir })
  }

  /** Standard input comes in frames from here on (`frame`), so that it can end. */
  pump(): this {
    return this.step({ call: CALL.pump, args: [], code: FAILED.order })
  }

  /** Runs a program, looked for in `PATH` where its name has no slash, as shells do. */
  run(argv: readonly string[], env: Readonly<Record<string, string>>): this {
    const [program = ''] = argv
    const args = this.list(argv)
    const variables = this.list(Object.entries(env).map(([name, value]) => `${name}=${value}`))
    const folders = program.includes('/') ? [] : (env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin').split(':')
    const paths = program.includes('/') ? [program] : folders.map((folder) => `${folder || '.'}/${program}`)
    for (const path of paths)
      this.step({ call: CALL.execve, args: [this.text(path), args, variables], least: ANYTHING })
    // Nothing ran: for want of such a file, or of the right to run it.
    const last = this.text(paths.at(-1) ?? '/')
    this.step({ call: CALL.open, args: [last, OPEN.readOnly, 0], code: FAILED.noProgram })
    return this.exit(FAILED.notExecutable)
  }

  exit(code: number): this {
    return this.step({ call: CALL.exitGroup, args: [code] })
  }

  /** The order as the starter reads it, its length before it. */
  bytes(): Buffer {
    const inSteps = this.steps.flatMap(({ args, store, load }, index) => {
      const places = [
        ...args.map((value, arg) => [value, 8 + arg * 8] as const),
        [store, 56],
        [load, 80],
      ] as const
      return places.flatMap(([value, at]) => (typeof value === 'object' ? [index * STEP_BYTES + at] : []))
    })
    const stepsAt = 16 + (this.links.length + inSteps.length) * 8
    const partsAt = stepsAt + this.steps.length * STEP_BYTES
    const realOf = (value: Value) =>
      typeof value !== 'object'
        ? BigInt(value)
        : BigInt('at' in value ? partsAt + value.at : stepsAt + value.step * STEP_BYTES + 8 + value.arg * 8)
    const steps = Buffer.alloc(partsAt - stepsAt)
    for (const [index, step] of this.steps.entries()) {
      const at = index * STEP_BYTES
      steps.writeBigInt64LE(BigInt(step.call), at)
      for (const [arg, value] of step.args.entries()) steps.writeBigInt64LE(realOf(value), at + 8 + arg * 8)
      steps.writeBigInt64LE(realOf(step.store ?? 0), at + 56)
      steps.writeBigInt64LE(step.least ?? 0n, at + 64)
      steps.writeBigInt64LE(BigInt(step.code ?? FAILED.order), at + 72)
      steps.writeBigInt64LE(realOf(step.load ?? 0), at + 80)
    }
    const parts = Buffer.concat(this.parts)
    for (const at of this.links) parts.writeBigInt64LE(BigInt(partsAt) + parts.readBigInt64LE(at), at)
    const order = Buffer.alloc(8 + Math.max(partsAt + parts.length, LEAST_BYTES))
    const links = [...this.links.map((at) => partsAt + at), ...inSteps.map((at) => stepsAt + at)]
    const head = [order.length - 8, links.length, this.steps.length, ...links]
    for (const [index, value] of head.entries()) order.writeBigInt64LE(BigInt(value), index * 8)
    steps.copy(order, 8 + stepsAt)
    parts.copy(order, 8 + partsAt)
    return order
  }

  protected step(step: Step): this {
    this.steps.push(step)
    return this
  }

  /** The place of an argument of the step that is so many after the next one. */
  protected argument(after: number, arg: number): Place {
    return { step: this.steps.length + after, arg }
  }

  /** A place for one result. */
  protected slot(): { at: number } {
    return this.data(Buffer.alloc(8))
  }

  protected text(text: string, encoding: BufferEncoding = 'utf8'): { at: number } {
    if (text.includes('\0')) throw new Error('a text has a character 0 in it')
    return this.data(Buffer.from(`${text}\0`, encoding))
  }

  /** Addresses of texts, and 0 at the end. */
  private list(texts: readonly string[]): { at: number } {
    const list = Buffer.alloc((texts.length + 1) * 8)
    const links = texts.map((text, index) => {
      list.writeBigInt64LE(BigInt(this.text(text).at), index * 8)
      return index * 8
    })
    const place = this.data(list)
    this.links.push(...links.map((at) => place.at + at))
    return place
  }

  protected data(bytes: Buffer): { at: number } {
    const place = { at: this.length }
    const padded = Buffer.concat([bytes, Buffer.alloc(-bytes.length & 7)])
    this.parts.push(padded)
    this.length += padded.length
    return place
  }
}

/** Standard input behind `Order.pump`: so many bytes, or its end where there are none. */
export function frame(bytes: Uint8Array): Buffer {
  const head = Buffer.alloc(4)
  head.writeUInt32LE(bytes.length)
  return Buffer.concat([head, bytes])
}
