// Private networks, as workers tell each other and their tenant of them.
import * as z from 'zod'
import { NAME_PATTERN } from '../manifest/patterns.ts'
import { isLeaseName } from '../market/names.ts'
import { NETWORK_NAME_PATTERN } from '../network/name.ts'
import { address, bytes32, hexBytes } from '../shapes.ts'
import { PLACE_NAME_PATTERN } from '../signed/relay.ts'

/** Leases that may be on a network at one time. */
export const MOST_MEMBERS = 128
/** Places that a lease may have on a network. */
export const MOST_PLACES = 256

const name = z.string().max(46).regex(NAME_PATTERN)
const count = z.number().min(0)

/** A lease on a private network, with its worker's signature (`memberTypedData`). */
export const SignedMember = z.strictObject({
  lease: bytes32,
  reader: bytes32,
  network: z.string().regex(NETWORK_NAME_PATTERN),
  name: z.string().refine((text) => text === '' || isLeaseName(text), 'no name of a lease'),
  places: z
    .array(
      z.strictObject({
        name: z.string().regex(PLACE_NAME_PATTERN),
        services: z.array(name).max(64),
        key: bytes32,
        port: z.int().min(1).max(65_535),
      }),
    )
    .max(MOST_PLACES),
  instant: z.int().min(0),
  signature: hexBytes,
})
export type SignedMember = z.infer<typeof SignedMember>

/**
 * `GET /v1/leases/{id}/network`: a lease's private network. `member` is what this worker tells others of it,
 * here told to nobody else (its reader is zero).
 */
export const NetworkReport = z.object({
  member: SignedMember,
  places: z.array(
    z.object({
      name: z.string().max(64),
      services: z.array(name),
      ipv6: z.string().max(64),
      ipv4: z.string().max(16),
    }),
  ),
  peers: z.array(
    z.object({
      lease: bytes32,
      name: z.string().max(32),
      worker: address,
      /** Of its places, seen from those here. */
      tunnels: z.array(
        z.object({
          from: z.string().max(64),
          to: z.string().max(64),
          /**
           * How packets go: over UDP, or over TLS between the workers where UDP doesn't pass. `none` without
           * a handshake in three minutes.
           */
          way: z.enum(['direct', 'relayed', 'none']),
          /** Of the last handshake, Unix seconds; 0 for none. */
          handshakeAt: count,
          receivedBytes: count,
          sentBytes: count,
        }),
      ),
    }),
  ),
  /** Why something doesn't work. */
  problem: z.string().max(1000).optional(),
})
export type NetworkReport = z.infer<typeof NetworkReport>
