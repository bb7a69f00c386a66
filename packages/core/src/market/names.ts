import { type Hex, hexToString, stringToHex } from 'viem'
import { CloisterError } from '../errors/error.ts'

/** Hex digits of a lease's id in its short form. */
export const SHORT_ID_LENGTH = 16
const NAME = /^(?=.{1,32}$)(?![0-9a-f]{16}(-|$))[a-z0-9]([a-z0-9-]*[a-z0-9])?$/

/** `0x7f3a…` → its first 16 hex digits, as in addresses and tables. */
export function shortId(id: Hex): string {
  return id.slice(2, 2 + SHORT_ID_LENGTH)
}

/** What the name of a lease may be, for people. */
export const LEASE_NAME_RULE = '1 to 32 lower-case letters, digits and inner hyphens'

/**
 * Whether a text can be the name of a lease: a DNS label of at most 32 characters that doesn't look like a
 * short id.
 */
export function isLeaseName(text: string): boolean {
  return NAME.test(text)
}

/** Replicas that a group has at the most. */
export const MOST_REPLICAS = 32

/** What a lease was opened as: by a name, as one of the replicas that are reached by it together. */
export interface LeaseName {
  name: string
  /** Its place in its group, from 0; undefined for a lease that stands alone. */
  replica?: number | undefined
}

const REPLICA = /^(?<name>[^/]{1,28})\/(?<replica>0|[1-9]\d{0,2})$/

/** Reads `my-app`, or `my-app/2` for a replica of a group; undefined for what is neither. */
export function readLeaseName(text: string): LeaseName | undefined {
  if (isLeaseName(text)) return { name: text }
  const { name = '', replica } = REPLICA.exec(text)?.groups ?? {}
  return replica !== undefined && isLeaseName(name) ? { name, replica: Number(replica) } : undefined
}

/** A lease's name as `readLeaseName` reads it. */
export function writeLeaseName({ name, replica }: LeaseName): string {
  return replica === undefined ? name : `${name}/${replica}`
}

/**
 * A name, or a group's name and a replica, as it goes on chain: ASCII, left-aligned, 32 bytes; zero for none.
 * Throws `bad-name`.
 */
export function encodeLeaseName(name: string | undefined): Hex {
  if (name === undefined) return stringToHex('', { size: 32 })
  if (!readLeaseName(name))
    throw new CloisterError(
      'bad-name',
      `${JSON.stringify(name.slice(0, 60))} can't be the name of a lease.`,
      {
        hint: `Use ${LEASE_NAME_RULE}; the name of a group has 28 at the most.`,
      },
    )
  return stringToHex(name, { size: 32 })
}

/** The name in 32 bytes from the chain, or undefined where they hold none that is valid. */
export function decodeLeaseName(bytes: Hex): LeaseName | undefined {
  return readLeaseName(hexToString(bytes).replace(/\0+$/, ''))
}

/**
 * Below which name a gateway has the names of leases: its host, or `localhost` where its URL says an address,
 * before which no name can stand (WHATWG URL, section 3.5: a host that ends in a number is an IPv4 address).
 */
export function gatewayDomain(gatewayUrl: string): string {
  const { hostname } = new URL(gatewayUrl)
  return /^\[|^[\d.]+$/.test(hostname) ? 'localhost' : hostname
}

/** A service's name as a part of a host name. */
export function hostLabel(service: string): string {
  return service
    .toLowerCase()
    .replace(/[^a-z0-9-]/g, '-')
    .replace(/-+$/, '')
}
