import { readFileSync } from 'node:fs'
import { CloisterError, type Collector, readCollector } from '@cloister/core'
import type { CollectorOptions } from './options.ts'

/**
 * The collectors that are named on the command line. What is given with them goes to all but those of syslog,
 * which knows no headers. Throws `bad-option` and `no-file`.
 */
export function collectorsFrom(
  urls: readonly string[],
  { header = [], ca }: CollectorOptions,
  services?: string[],
): Collector[] {
  const certificates = ca === undefined ? undefined : readCertificates(ca)
  return urls.map((url) =>
    readCollector(url, url.startsWith('syslog') ? [] : header, {
      ...(certificates !== undefined && { ca: certificates }),
      ...(services && { services }),
    }),
  )
}

function readCertificates(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw new CloisterError('no-file', `${path} can not be read.`, { cause })
  }
}
