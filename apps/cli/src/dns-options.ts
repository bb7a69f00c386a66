import { readFileSync } from 'node:fs'
import { CloisterError, DnsAccess, readDnsKey } from '@cloister/core'
import type { DnsOptions } from './options.ts'

/** The access to DNS that is named on the command line. Throws `bad-option`, `bad-key` and `no-file`. */
export function dnsFrom({ dns, dnsKey }: DnsOptions): DnsAccess | undefined {
  if (dns === undefined && dnsKey === undefined) return undefined
  if (dns === undefined || dnsKey === undefined)
    throw new CloisterError('bad-option', 'Say --dns and --dns-key, both.', {
      hint: 'As in --dns ns1.example.org --dns-key acme.key.',
    })
  const parsed = DnsAccess.safeParse({ server: dns, key: readDnsKey(readKeyFile(dnsKey)) })
  if (parsed.success) return parsed.data
  throw new CloisterError('bad-option', `${dns.slice(0, 80)} is ${parsed.error.issues[0]?.message}.`, {
    hint: 'Write ns1.example.org, 192.0.2.53 or [2001:db8::53]:5353.',
  })
}

function readKeyFile(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw new CloisterError('no-file', `${path} can not be read.`, { cause })
  }
}
