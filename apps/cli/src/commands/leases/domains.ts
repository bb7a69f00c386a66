import { CloisterError, type DomainReport, messageOf } from '@cloister/core'
import { leases } from '@cloister/sdk'
import { placesOf, servedKey } from '@cloister/sdk/node'
import { note, paint, printable, say, sayJson, table } from '@cloister/terminal'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import { dnsFrom } from '../../dns-options.ts'
import type { DnsOptions } from '../../options.ts'
import { recordTable } from './domain-records.ts'

/** What is found where a domain leads: the worker's key, another one, or nobody. */
interface Served {
  state: 'attested' | 'other' | 'unreachable'
  isTrusted?: boolean
  problem?: string
  /** Addresses of the domain's at which nobody answered, while others did. */
  silent?: string[]
}

/** Addresses of a domain that are connected to. */
const MOST_PLACES = 8

const CLAIMS: Record<DomainReport['claim'], string> = {
  found: 'found',
  missing: 'no record',
  other: 'names another lease',
  unknown: 'not looked up yet',
}

export async function showDomains(
  key: string,
  options: Globals & DnsOptions & { check: boolean; connect?: string; dnsOff?: boolean },
): Promise<void> {
  const dns = dnsFrom(options)
  if (dns && options.dnsOff) throw new CloisterError('bad-option', 'Say --dns or --dns-off, not both.')
  const cloister = connect(options)
  if (dns || options.dnsOff) {
    const { asTenant } = await leases.openSession(cloister, key)
    await asTenant.putDnsAccess((await leases.findLease(cloister, key)).lease, dns ?? null)
  }
  const at = options.connect === undefined ? undefined : addressOf(options.connect)
  const found = await leases.domains(cloister, key)
  const all = await Promise.all(
    found.domains.map(async (report) => {
      const served = options.check ? await check(report, at) : undefined
      return { ...report, ...(served && { served }) }
    }),
  )
  const isWrong = all.some(({ served }) => served?.state === 'other')
  // Whoever is there has the traffic: a program has to be able to tell.
  if (isWrong) process.exitCode = 1
  if (options.json) return sayJson({ ...found, domains: all })
  if (all.length === 0)
    return say('The lease has no domains of its own. A service has some by x-domains: [app.example.org].')
  say(
    table(
      ['domain', 'leads to', 'record', 'certificate', 'key there'],
      all.map((report) => [
        report.domain,
        `${printable(report.service)}:${report.port}`,
        report.claim === 'found' ? paint('green', CLAIMS.found) : paint('yellow', CLAIMS[report.claim]),
        certificateOf(report),
        servedText(report.served),
      ]),
    ),
  )
  for (const { domain, failure, nextTry } of all)
    if (failure)
      note(
        `${paint('yellow', '!', process.stderr)} ${domain}: ${printable(failure.message)}${nextTry === undefined ? '' : ` Next try: ${instantOf(nextTry)}.`}`,
      )
  for (const { domain, served } of all)
    if (served?.silent)
      note(
        `${paint('yellow', '!', process.stderr)} ${domain} has addresses at which nobody answers from here: ${served.silent.join(', ')}.`,
      )
  if (
    !found.hasDnsAccess &&
    all.some(({ domain, protocol }) => domain.startsWith('*.') && protocol === 'http')
  )
    note(
      `${paint('yellow', '!', process.stderr)} A wildcard gets its certificate by DNS: give the worker a key with --dns and --dns-key.`,
    )
  if (isWrong)
    note(
      `${paint('red', '✘', process.stderr)} Somebody else answers at a domain: the key there is none that the worker made.`,
    )
  const missing = all.filter(({ claim }) => claim !== 'found').map(({ domain }) => domain)
  const wanted = found.records.filter(({ domain }) => missing.length === 0 || missing.includes(domain))
  say('')
  say(missing.length > 0 ? 'Make these DNS records:' : 'Its DNS records:')
  say(recordTable(wanted))
}

/** Connects as anybody does, and holds the key against the one that the worker says it made. */
async function check(
  { domain, certificate }: DomainReport,
  at: { host: string; port: number } | undefined,
): Promise<Served | undefined> {
  if (!certificate) return undefined
  // Of a wildcard, some name below it.
  const name = domain.replace(/^\*\./, 'cloister-check.')
  const silent: string[] = []
  let problem = ''
  let isTrusted = true
  let isThere = false
  try {
    // Clients take either of IPv4 and IPv6, and may come to different machines.
    for (const place of at ? [at] : (await placesOf(name)).slice(0, MOST_PLACES))
      try {
        const key = await servedKey(name, place)
        if (key.keyHash !== certificate.keyHash) return { state: 'other', isTrusted: key.isTrusted }
        isThere = true
        isTrusted &&= key.isTrusted
      } catch (error) {
        problem = messageOf(error)
        silent.push(place.host)
      }
  } catch (error) {
    problem = messageOf(error)
  }
  if (!isThere) return { state: 'unreachable', problem }
  return { state: 'attested', isTrusted, ...(silent.length > 0 && { silent }) }
}

function servedText(served: Served | undefined): string {
  if (!served) return ''
  if (served.state === 'attested') return paint('green', 'the worker’s')
  return served.state === 'other' ? paint('red', 'another') : paint('yellow', 'no answer')
}

function certificateOf({ certificate, protocol }: DomainReport): string {
  if (protocol === 'tcp') return 'the container’s own'
  if (!certificate) return paint('yellow', 'none yet')
  const until = `until ${instantOf(certificate.notAfter)}`
  if (certificate.isSelfSigned) return `self-signed, ${until}`
  return certificate.notAfter < Date.now() ? paint('red', `over, ${until}`) : until
}

function instantOf(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 16).replace('T', ' ')} UTC`
}

/** `host:port`, an IPv6 address in brackets. Throws `bad-option`. */
function addressOf(text: string): { host: string; port: number } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]]+)):(\d{1,5})$/.exec(text)
  const port = Number(match?.[3])
  if (!match || port < 1 || port > 65_535)
    throw new CloisterError('bad-option', `${text.slice(0, 80)} is no address.`, {
      hint: 'Write host:port, such as 192.0.2.7:443 or [2001:db8::7]:443.',
    })
  return { host: match[1] ?? match[2] ?? '', port }
}
