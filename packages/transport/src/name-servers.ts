import { Resolver } from 'node:dns/promises'
import { isIP } from 'node:net'
import { CloisterError } from '@cloister/core'

const TIMEOUT_MS = 2_000
const TRIES = 3
/** Texts of one name that are looked at. */
const MOST_TEXTS = 64
/** What says that a name, or a record of it, isn't there. */
const ABSENT = new Set(['ENOTFOUND', 'ENODATA'])

/** Asks name servers: those of the system, or others that whoever runs the program has named. */
export class NameServers {
  private readonly resolver = new Resolver({ timeout: TIMEOUT_MS, tries: TRIES })

  /** `servers`: `192.0.2.53`, `192.0.2.53:5353` or `[2001:db8::53]:53`. Throws `bad-option`. */
  constructor(servers: readonly string[] = []) {
    if (servers.length === 0) return
    for (const server of servers) if (!isServer(server)) throw notServer(server)
    this.resolver.setServers([...servers])
  }

  /** The TXT records of a name, each as one text; none where there are none. Throws `unreachable`. */
  async texts(name: string): Promise<string[]> {
    const records = await this.ask(name, () => this.resolver.resolveTxt(name))
    return records.slice(0, MOST_TEXTS).map((parts) => parts.join(''))
  }

  /** The addresses of a name, as `dialChecked` takes them. Throws `unreachable`. */
  async addresses(name: string): Promise<{ address: string; family: number }[]> {
    const [v4, v6] = await Promise.all([
      this.ask(name, () => this.resolver.resolve4(name)),
      this.ask(name, () => this.resolver.resolve6(name)),
    ])
    return [
      ...v4.map((address) => ({ address, family: 4 })),
      ...v6.map((address) => ({ address, family: 6 })),
    ]
  }

  /** What a name is another name for (CNAME); undefined where it is none. Throws `unreachable`. */
  async aliasOf(name: string): Promise<string | undefined> {
    const [alias] = await this.ask(name, () => this.resolver.resolveCname(name))
    return alias?.toLowerCase().replace(/\.$/, '')
  }

  private async ask<T>(name: string, look: () => Promise<T[]>): Promise<T[]> {
    try {
      return await look()
    } catch (cause) {
      if (ABSENT.has((cause as NodeJS.ErrnoException).code ?? '')) return []
      throw new CloisterError('unreachable', `The name servers do not answer for ${name.slice(0, 253)}.`, {
        cause,
      })
    }
  }
}

function isServer(text: string): boolean {
  const match = /^(?:\[([^\]]+)\]|([0-9.]+|[0-9a-fA-F:.]*::[0-9a-fA-F:.]*))(?::(\d{1,5}))?$/.exec(text)
  return match !== null && isIP(match[1] ?? match[2] ?? '') !== 0 && Number(match[3] ?? 53) <= 65_535
}

function notServer(text: string): CloisterError {
  return new CloisterError('bad-option', `${text.slice(0, 60)} is no name server.`, {
    hint: 'Give an address, with a port where it is not 53: 192.0.2.53, 192.0.2.53:5353, [2001:db8::53]:5353.',
  })
}
