import { createHash } from 'node:crypto'
import { createReadStream, readFileSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { Network } from '@cloister/chain'
import { CloisterError, messageOf, type SentContent } from '@cloister/core'
import { type EndpointOptions, models } from '@cloister/sdk'
import { toHex } from 'viem'
import { parse } from 'yaml'
import { hubFile, type OnFetched } from './hub-file.ts'

const MAX_FILE_BYTES = 256 * 1024

/**
 * What a file of options may leave out or say otherwise: files by their path here, and not by digest, or by
 * where they are fetched from.
 */
interface OptionsFile {
  door?: string
  weights?: { from?: string }
  engine?: { files?: { path: string; from?: string; url?: string; digest?: string }[] }
}

/** An endpoint's options, and what is sent beside its manifest. */
export interface ReadEndpoint {
  endpoint: EndpointOptions
  contents: SentContent[]
}

/**
 * The options that a file has, with what it leaves to be found here: paths are beside `path`, and what has a
 * `url` is fetched. Throws `bad-config`, `no-file`, and what `hubFile` throws.
 */
export async function endpointFrom(
  options: object,
  path: string,
  network: Network,
  tokenHash: `0x${string}` | undefined,
  onFetched: OnFetched = () => {},
): Promise<ReadEndpoint> {
  const file = options as OptionsFile
  const folder = dirname(resolve(path))
  const contents: SentContent[] = []
  const [door] = file.door === undefined ? (network.inferenceImages ?? []) : [file.door]
  if (door === undefined)
    throw new CloisterError('bad-config', 'Nothing says which image the door is of.', {
      hint: 'Name its digest as `door` in the file: the network’s description lists none.',
    })
  const files = []
  for (const { from, url, ...named } of listIn(file.engine?.files)) {
    const content =
      from !== undefined
        ? await contentOf(resolve(folder, from))
        : url !== undefined
          ? await hubFile(url, named.digest ?? '', onFetched)
          : undefined
    if (content) contents.push(content)
    files.push({ ...named, ...(content && { digest: content.digest, bytes: content.bytes }) })
  }
  const { from, ...weights } = file.weights ?? {}
  const weighed = from === undefined ? undefined : await contentOf(resolve(folder, from))
  const endpoint = models.checkOptions({
    version: 1,
    ...file,
    door,
    ...(file.engine && { engine: { ...file.engine, ...(files.length > 0 && { files }) } }),
    ...(file.weights && { weights: { ...weights, ...(weighed && { digest: weighed.digest }) } }),
    ...(tokenHash && { tokenHash }),
  })
  return { endpoint, contents }
}

/** The files that an engine has. Throws `bad-config` where they are no list of files. */
function listIn(files: NonNullable<OptionsFile['engine']>['files']) {
  if (files === undefined) return []
  const isList = Array.isArray(files) && files.every((file) => typeof file === 'object' && file !== null)
  const isText = (value: unknown) => value === undefined || typeof value === 'string'
  if (isList && files.every(({ from, url, digest }) => [from, url, digest].every(isText))) return files
  throw new CloisterError(
    'bad-config',
    'The engine’s `files` are no list of `path` and `from`, or `path`, `url` and `digest`.',
  )
}

/** What a file of YAML or JSON says. Throws `no-file`, `too-large`, `bad-file`. */
export function readObject(path: string): object {
  let text: string
  try {
    if (statSync(path).size > MAX_FILE_BYTES)
      throw new CloisterError('too-large', `${path} has more than ${MAX_FILE_BYTES} bytes.`)
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    if (cause instanceof CloisterError) throw cause
    throw new CloisterError('no-file', `${path} can not be read.`, {
      hint: 'It is YAML or JSON: see docs/inference.md for an example.',
      cause,
    })
  }
  let said: unknown
  try {
    said = parse(text)
  } catch (cause) {
    throw new CloisterError('bad-file', `${path} is neither YAML nor JSON: ${messageOf(cause)}`, { cause })
  }
  if (typeof said !== 'object' || said === null || Array.isArray(said))
    throw new CloisterError('bad-file', `${path} says nothing by name.`, {
      hint: 'See docs/inference.md for an example.',
    })
  return said
}

/** Digests of files here, so that one that hasn't changed isn't read whole every minute. */
const digests = new Map<string, { digest: string; bytes: number; stamp: string }>()

/** A file as it is sent beside a manifest. Throws `no-file`. */
async function contentOf(path: string): Promise<SentContent> {
  try {
    const { size, mtimeMs, ino } = statSync(path)
    const stamp = `${size} ${mtimeMs} ${ino}`
    const known = digests.get(path)
    const { digest, bytes } = known?.stamp === stamp ? known : await digestOf(path)
    digests.set(path, { digest, bytes, stamp })
    return { digest, bytes, open: (from) => createReadStream(path, { start: from }) }
  } catch (cause) {
    throw new CloisterError('no-file', `${path} can not be read.`, { cause })
  }
}

async function digestOf(path: string): Promise<{ digest: string; bytes: number }> {
  const hash = createHash('sha256')
  let bytes = 0
  for await (const chunk of createReadStream(path)) {
    hash.update(chunk)
    bytes += chunk.length
  }
  return { digest: `sha256:${toHex(hash.digest()).slice(2)}`, bytes }
}
