import { CloisterError } from '@cloister/core'
import { leases } from '@cloister/sdk'
import { note, printable, say, sayJson } from '@cloister/terminal'
import type { Command } from 'commander'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import { secondsOf } from '../../durations.ts'
import { instant } from '../../show.ts'

export interface TokenOptions extends Globals {
  ttl: string
  revoke?: boolean
}

/** Makes a token for Prometheus, and prints what to put into its configuration. */
export async function runMetricsToken(key: string, _: TokenOptions, command: Command): Promise<void> {
  // `metrics` has some options of the same names, and takes what stands behind its own subcommand.
  const options: TokenOptions = { ...command.parent?.opts(), ...command.opts<TokenOptions>() }
  const ttlSeconds = secondsOf(options.ttl)
  if (ttlSeconds < 60) throw new CloisterError('bad-option', '--ttl has to be a minute at least.')
  const cloister = connect(options)
  if (options.revoke) {
    await leases.revokeScrapeTokens(cloister, key)
    if (options.json) return sayJson({ revoked: true })
    return say('No token of the lease holds any more.')
  }
  const access = await leases.makeScrapeToken(cloister, key, { ttlSeconds })
  const config = scrapeConfig(key, access)
  if (options.json) return sayJson({ ...access, scrapeConfig: config })
  note(`Holds until ${instant(access.expiresAt)}. Put this into prometheus.yml; it is shown once:`)
  note('')
  say(config)
}

/** A `scrape_configs` of Prometheus' configuration (prometheus.io, "Configuration"). JSON is YAML. */
function scrapeConfig(key: string, { url, token, lease }: leases.ScrapeAccess): string {
  const { protocol, host, pathname } = new URL(url)
  const quoted = (text: string) => JSON.stringify(printable(text))
  return [
    'scrape_configs:',
    `  - job_name: ${quoted(`cloister-${key}`)}`,
    `    scheme: ${protocol.replace(':', '')}`,
    `    metrics_path: ${pathname}`,
    '    authorization:',
    `      credentials: ${token}`,
    '    static_configs:',
    `      - targets: [${quoted(host)}]`,
    `        labels: { lease: ${quoted(lease.slice(2, 18))} }`,
  ].join('\n')
}
