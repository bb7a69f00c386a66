import type { Exposure, HttpOptions } from './service.ts'

/** Ports whose services speak something else than HTTP, by IANA's register and the images people run. */
const TCP_PORTS: Record<number, string> = {
  21: 'FTP',
  22: 'SSH',
  23: 'Telnet',
  25: 'SMTP',
  53: 'DNS',
  88: 'Kerberos',
  110: 'POP3',
  111: 'RPC',
  119: 'NNTP',
  143: 'IMAP',
  389: 'LDAP',
  443: 'TLS',
  445: 'SMB',
  465: 'SMTP',
  587: 'SMTP',
  636: 'LDAP',
  853: 'DNS',
  873: 'rsync',
  993: 'IMAP',
  995: 'POP3',
  1080: 'SOCKS',
  1433: 'SQL Server',
  1521: 'Oracle',
  1883: 'MQTT',
  1935: 'RTMP',
  2049: 'NFS',
  2181: 'ZooKeeper',
  2222: 'SSH',
  2525: 'SMTP',
  3306: 'MySQL',
  3307: 'MySQL',
  3389: 'RDP',
  4222: 'NATS',
  5222: 'XMPP',
  5269: 'XMPP',
  5432: 'PostgreSQL',
  5433: 'PostgreSQL',
  5671: 'AMQP',
  5672: 'AMQP',
  5900: 'VNC',
  6379: 'Redis',
  6380: 'Redis',
  6432: 'PgBouncer',
  6443: 'TLS',
  6667: 'IRC',
  7687: 'Bolt',
  8443: 'TLS',
  8883: 'MQTT',
  9042: 'Cassandra',
  9092: 'Kafka',
  9093: 'Kafka',
  9160: 'Cassandra',
  9443: 'TLS',
  11211: 'memcached',
  25565: 'Minecraft',
  25575: 'Minecraft',
  26257: 'CockroachDB',
  27015: 'Source',
  27017: 'MongoDB',
  27018: 'MongoDB',
  27019: 'MongoDB',
  28015: 'RethinkDB',
  33060: 'MySQL',
  50000: 'Db2',
}

/** What is spoken on a published TCP port, and why, where that was guessed. */
export interface Spoken {
  protocol: 'http' | 'tcp'
  version?: 'h2'
  guess?: string
}

/**
 * What a published port speaks: what the file says (`app_protocol`), else what the port inside is known for,
 * else TLS where it is published as 443 and isn't the plain 80, else HTTP. The gateway ends TLS itself, so a
 * service that does is a TCP port here.
 */
export function spokenOn(port: number, published: number, said: string | undefined): Spoken {
  if (said !== undefined) {
    const name = said.toLowerCase()
    if (/^(?:grpc|h2c|http2|http\/2)$/.test(name)) return { protocol: 'http', version: 'h2' }
    return { protocol: /^(?:http|http\/1\.1|ws|websocket)$/.test(name) ? 'http' : 'tcp' }
  }
  const known = TCP_PORTS[port] ?? (published === 443 && port !== 80 ? 'TLS' : undefined)
  return known === undefined ? { protocol: 'http' } : { protocol: 'tcp', guess: known }
}

/** Adds a port to what a service opens; one that is open inside already is opened to the outside as well. */
export function addPort(expose: Exposure[], added: Exposure): void {
  const kindOf = ({ protocol }: Exposure) => (protocol === 'udp' ? 'udp' : 'tcp')
  const same = expose.filter((other) => other.port === added.port && kindOf(other) === kindOf(added))
  const inner = same.find((other) => !other.global)
  if (same.some((other) => other.as === added.as && other.global)) return
  if (!added.global && same.length > 0) return
  if (inner) Object.assign(inner, added)
  else expose.push(added)
}

/** A port's options, without those that say nothing; undefined where none does. */
export function httpOptions(options: HttpOptions): { http?: HttpOptions } {
  return Object.keys(options).length > 0 ? { http: options } : {}
}
