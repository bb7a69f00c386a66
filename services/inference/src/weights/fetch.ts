import { createHash, type Hash } from 'node:crypto'
import { constants } from 'node:fs'
import { copyFile, type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { CloisterError } from '@cloister/core'

/** A download may say nothing for so long. */
const SILENCE_MS = 60_000
/** Tries in a row that brought no byte. */
const TRIES = 5
const FIRST_PAUSE_MS = 200
/** More than any model's file has. */
const MAX_BYTES = 2 ** 41

export interface FetchWeightsOptions {
  /** Where they are: an address on the web, or a file of this machine. */
  from: { url: string } | { path: string }
  /** SHA-256 of the file, as `sha256:` and 64 hex digits. */
  digest: string
  /** Where they are kept, each under its digest. */
  folder: string
  /** Bytes that are there, and how many there will be, where the server says. */
  onProgress?: (bytes: number, total: number | undefined) => void
  /** Bytes of the file, at most. */
  maxBytes?: number
  /** How long a server may be silent, in milliseconds. */
  silenceMs?: number
  /** How long to wait after a first failure, in milliseconds; it doubles each time. */
  pauseMs?: number
  signal?: AbortSignal
}

/**
 * Brings a model's weights into a folder and returns the file's path, whose content has that digest. What was
 * there before is checked again, and isn't fetched. A download that broke off, in this process or an earlier
 * one, goes on where it ended. Throws `unreachable` where the server doesn't answer or stops answering,
 * `not-found`, `too-large`, and `bad-answer` where the content is another one: that is deleted.
 *
 * ```ts
 * const file = await fetchWeights({ from: { url: 'https://hub.example/qwen.gguf' }, digest, folder })
 * ```
 */
export async function fetchWeights(options: FetchWeightsOptions): Promise<string> {
  const { digest, folder, signal } = options
  const hex = /^sha256:([0-9a-f]{64})$/.exec(digest)?.[1]
  if (hex === undefined)
    throw new CloisterError('bad-request', `${digest.slice(0, 80)} is no digest of weights.`, {
      hint: 'Write sha256: and 64 hex digits.',
    })
  await mkdir(folder, { recursive: true })
  const file = join(folder, hex)
  if ((await digestOf(file, signal)) === hex) return file
  const part = `${file}.part`
  const found =
    'path' in options.from
      ? await copy(options.from.path, part, options)
      : await download(options.from.url, part, options)
  if (found !== hex) {
    await rm(part, { force: true })
    throw new CloisterError('bad-answer', `These weights have the digest sha256:${found}, not ${digest}.`)
  }
  await rename(part, file)
  return file
}

async function copy(path: string, part: string, options: FetchWeightsOptions): Promise<string> {
  const { size } = await stat(path).catch((cause) => {
    throw new CloisterError('not-found', `There are no weights at ${path}.`, { cause })
  })
  checkSize(size, options)
  await copyFile(path, part, constants.COPYFILE_FICLONE)
  // The copy is what is used, so it is what is checked.
  const digest = await digestOf(part, options.signal)
  options.onProgress?.(size, size)
  return digest ?? ''
}

/** Downloads into a file, on from what it has. Returns the digest of all of it, in hex. */
async function download(url: string, part: string, options: FetchWeightsOptions): Promise<string> {
  const handle = await open(part, constants.O_RDWR | constants.O_CREAT)
  try {
    const hash = createHash('sha256')
    const state = { hash, bytes: await feed(handle, hash, options.signal) }
    for (let tries = 1; ; tries++) {
      const before = state.bytes
      const problem = await attempt(url, handle, state, options)
      if (!problem) return state.hash.digest('hex')
      options.signal?.throwIfAborted()
      if (state.bytes > before) tries = 0
      else if (tries >= TRIES) throw problem
      const pause = (options.pauseMs ?? FIRST_PAUSE_MS) * 2 ** tries
      await delay(pause, undefined, options.signal && { signal: options.signal })
    }
  } finally {
    await handle.sync()
    await handle.close()
  }
}

interface Progress {
  hash: Hash
  bytes: number
}

/** One request. Returns what broke it off, or undefined once everything is there; throws what stays so. */
async function attempt(
  url: string,
  handle: FileHandle,
  state: Progress,
  options: FetchWeightsOptions,
): Promise<CloisterError | undefined> {
  const silence = new AbortController()
  const quiet = setTimeout(() => silence.abort(), options.silenceMs ?? SILENCE_MS)
  const signals = [silence.signal, ...(options.signal ? [options.signal] : [])]
  try {
    const answer = await fetch(url, {
      // Compressed parts of a file are parts of something else.
      headers: { 'accept-encoding': 'identity', ...(state.bytes > 0 && { range: `bytes=${state.bytes}-` }) },
      signal: AbortSignal.any(signals),
    })
    const place = placeOf(answer, state.bytes)
    if (place === 'complete') return undefined
    if (place instanceof CloisterError) return place
    if (place.from === 0 && state.bytes > 0) {
      // The server has no parts: it begins anew.
      await handle.truncate(0)
      state.hash = createHash('sha256')
      state.bytes = 0
    }
    if (place.total !== undefined) checkSize(place.total, options)
    for await (const chunk of answer.body ?? []) {
      quiet.refresh()
      checkSize(state.bytes + chunk.length, options)
      await handle.write(chunk, 0, chunk.length, state.bytes)
      state.hash.update(chunk)
      state.bytes += chunk.length
      options.onProgress?.(state.bytes, place.total)
    }
    return place.total === undefined || state.bytes === place.total
      ? undefined
      : unreachable(url, `it ended after ${state.bytes} of ${place.total} bytes`)
  } catch (cause) {
    if (cause instanceof CloisterError) throw cause
    return unreachable(url, silence.signal.aborted ? 'it fell silent' : 'the connection broke', cause)
  } finally {
    clearTimeout(quiet)
  }
}

/** Where an answer's bytes belong (RFC 9110, section 14). An error that may pass is returned, not thrown. */
function placeOf(
  { status, headers }: Response,
  have: number,
): { from: number; total: number | undefined } | CloisterError | 'complete' {
  if (status === 200) return { from: 0, total: numberIn(headers.get('content-length')) }
  const range = headers.get('content-range') ?? ''
  if (status === 206) {
    const [, from, total] = /^bytes (\d{1,15})-\d{1,15}\/(\d{1,15}|\*)$/.exec(range) ?? []
    if (Number(from) !== have)
      throw wrong(`from byte ${have} was asked, the server answered “${range.slice(0, 60)}”`)
    return { from: have, total: numberIn(total) }
  }
  // Nothing lies behind what is there already, if that is all of it.
  if (status === 416 && numberIn(/^bytes \*\/(\d{1,15})$/.exec(range)?.[1]) === have) return 'complete'
  if (status === 404 || status === 410)
    throw new CloisterError('not-found', `The server has no such weights (HTTP ${status}).`)
  if (status === 429 || status >= 500) return unreachable('the server', `HTTP ${status}`)
  throw wrong(`the server answered HTTP ${status}`)
}

/** Feeds a file's bytes to a hash. Returns how many there are. */
async function feed(handle: FileHandle, hash: Hash, signal?: AbortSignal): Promise<number> {
  let bytes = 0
  for await (const chunk of handle.createReadStream({
    start: 0,
    autoClose: false,
    highWaterMark: 1024 * 1024,
  })) {
    signal?.throwIfAborted()
    hash.update(chunk)
    bytes += chunk.length
  }
  return bytes
}

/** SHA-256 of a file in hex; undefined where there is none. */
async function digestOf(path: string, signal?: AbortSignal): Promise<string | undefined> {
  const handle = await open(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (!handle) return undefined
  try {
    const hash = createHash('sha256')
    await feed(handle, hash, signal)
    return hash.digest('hex')
  } finally {
    await handle.close()
  }
}

function checkSize(bytes: number, { maxBytes = MAX_BYTES }: FetchWeightsOptions): void {
  if (bytes > maxBytes)
    throw new CloisterError('too-large', `These weights have more than the ${maxBytes} bytes they may have.`)
}

function numberIn(text: string | null | undefined): number | undefined {
  return text != null && /^\d{1,15}$/.test(text) ? Number(text) : undefined
}

function unreachable(where: string, what: string, cause?: unknown): CloisterError {
  return new CloisterError('unreachable', `Weights can’t be fetched from ${where.slice(0, 200)}: ${what}.`, {
    cause,
  })
}

function wrong(what: string): CloisterError {
  return new CloisterError('bad-answer', `Weights can’t be fetched: ${what}.`)
}
