import { NameServers } from '@cloister/transport'
import type { Hex } from 'viem'
import { rulesForTenants } from '../dial-rules.ts'
import type { Machine } from '../machine.ts'
import { AcmeAuthority, type Authority } from './authority.ts'
import { Challenges } from './challenges.ts'
import { DnsChallenges } from './dns/dns-challenges.ts'
import { DomainKeeper } from './keeper.ts'
import { SELF_SIGNED } from './self-signed.ts'

/** What a worker has for tenants' domains. */
export interface Domains {
  keeper: DomainKeeper
  challenges: Challenges
  /** Its account with the authority, once there is one. */
  readonly account: string | undefined
  /** How CAA records call the authority. */
  readonly authority: string | undefined
  close(): void
}

/** Opens it, as the configuration says. Throws `bad-option` for name servers that are none. */
export function openDomains(
  { config, network, store, log }: Pick<Machine, 'config' | 'network' | 'store' | 'log'>,
  event: (lease: Hex, kind: string, message: string) => void,
): Domains {
  const challenges = new Challenges()
  const { acme, nameServers } = config.domains
  const servers = new NameServers(nameServers)
  const rules = {
    ...rulesForTenants(network.development),
    resolve: (host: string) => servers.addresses(host),
  }
  const dns = new DnsChallenges({ store, names: servers, rules, log })
  const authority: Authority | undefined = acme
    ? new AcmeAuthority(acme, { store, challenges, dns })
    : network.development
      ? SELF_SIGNED
      : undefined
  return {
    keeper: new DomainKeeper({ store, texts: (name) => servers.texts(name), authority, event, log }),
    challenges,
    get account() {
      return authority?.account
    },
    get authority() {
      return authority?.identity
    },
    close: () => {
      if (authority instanceof AcmeAuthority) authority.close()
    },
  }
}
