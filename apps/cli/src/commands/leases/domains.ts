import { CloisterError, type DomainReport, messageOf } from '@cloister/core'
import { leases } from '@cloister/sdk'
import { servedKey } from '@cloister/sdk/node'
import { note, paint, printable, say, sayJson, table } from '@cloister/terminal'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import { recordTable } from './domain-records.ts'

/** What is found where a domain leads: the worker's key, another one, or nobody. */
interface Served {
  state: 'attested' | 'other' | 'unreachable'
  isTrusted?: boolean
  problem?: string
}

const CLAIMS: Record<DomainReport['claim'], string> = {
  found: 'found',
  missing: 'no record',
  other: 'names another lease',
  unknown: 'not looked up yet',
}

export async function showDomains(
  key: string,
  options: Globals & { check: boolean; connect?: string },
): Promise<void> {
  const cloister = connect(options)
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
  if (!certificate || domain.startsWith('*.')) return undefined
  try {
    const { keyHash, isTrusted } = await servedKey(domain, at)
    return { state: keyHash === certificate.keyHash ? 'attested' : 'other', isTrusted }
  } catch (error) {
    return { state: 'unreachable', problem: messageOf(error) }
  }
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
