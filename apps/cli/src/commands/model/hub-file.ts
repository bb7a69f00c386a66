import { createReadStream, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { formatMiB, type SentContent } from '@cloister/core'

/** Told of bytes that are here, of all that there are where the hub says. */
export type OnFetched = (detail: string) => void

/**
 * A file of a hub's, whose digest is known, as it is sent beside a manifest. It is fetched once and kept with
 * what else this machine keeps (`CLOISTER_CACHE`, `XDG_CACHE_HOME`); a download that broke off goes on.
 * Throws `unreachable`, `not-found`, `bad-answer` for another content.
 */
export async function hubFile(url: string, digest: string, onFetched: OnFetched): Promise<SentContent> {
  const { fetchWeights } = await import('@cloister/inference/weights')
  const { CLOISTER_CACHE: own, XDG_CACHE_HOME: cache } = process.env
  const folder = join(own ?? join(cache || join(homedir(), '.cache'), 'cloister'), 'weights')
  const onProgress = (bytes: number, total: number | undefined) =>
    onFetched(`${shown(bytes)}${total === undefined ? '' : ` of ${shown(total)}`} of ${url}`)
  const path = await fetchWeights({ from: { url }, digest, folder, onProgress })
  const { size: bytes } = statSync(path)
  return { digest, bytes, open: (from) => createReadStream(path, { start: from }) }
}

function shown(bytes: number): string {
  return formatMiB(Math.ceil(bytes / 1024 ** 2))
}
