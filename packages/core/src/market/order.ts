import type { Address } from 'viem'
import * as z from 'zod'
import { CloisterError } from '../errors/error.ts'
import { canonicalHash, hashManifest } from '../manifest/canonical.ts'
import { GpuKind } from '../manifest/gpu.ts'
import type { Manifest } from '../manifest/manifest.ts'
import { ATTRIBUTE_PATTERN, ATTRIBUTE_VALUE_PATTERN } from '../manifest/patterns.ts'
import { commonModels, resourcesOf } from '../manifest/resources.ts'
import { Policy } from '../policy.ts'
import { address, bytes32, decimal } from '../shapes.ts'
import { formatMiB } from '../units.ts'

/** What a tenant asks bids for. Signed by nobody: a provider that answers commits itself to its hash. */
export const Order = z.strictObject({
  version: z.literal(1),
  tenant: address,
  manifestHash: bytes32,
  /** Token the tenant will pay in. */
  token: address,
  resources: z.strictObject({
    cpuMilli: z
      .int()
      .min(1)
      .max(1 << 30),
    memoryMiB: z
      .int()
      .min(1)
      .max(1 << 30),
    diskMiB: z
      .int()
      .min(1)
      .max(1 << 30),
    gpus: z.int().min(0).max(4096),
    gpuModels: z.array(z.string().regex(/^[a-z0-9._-]{1,32}$/)).max(64),
    /** Where more than a model is asked for: of each of these lists, one has to be what the worker has. */
    gpuKinds: z.array(z.array(GpuKind).min(1).max(64)).min(1).max(64).optional(),
  }),
  /** What the largest of several containers takes, which has to fit on one machine of a worker's. */
  largest: z
    .strictObject({
      cpuMilli: z
        .int()
        .min(1)
        .max(1 << 30),
      memoryMiB: z
        .int()
        .min(1)
        .max(1 << 30),
    })
    .optional(),
  /** Two containers listen on the same port, so that services need networks of their own. */
  separateNetworks: z.boolean(),
  /** The lease is on a private network of its tenant's. */
  privateNetwork: z.literal(true).optional(),
  /** What the worker must say of itself. */
  attributes: z.record(z.string().regex(ATTRIBUTE_PATTERN), z.string().regex(ATTRIBUTE_VALUE_PATTERN)),
  /** What the worker's evidence has to say. */
  policy: Policy,
  /**
   * Least time between the provider's notice and the end, in seconds; the market's notice period if not
   * given. Who accepts less than that can be served at the price of an interruptible lease.
   */
  noticeSeconds: z
    .int()
    .min(1)
    .max(366 * 86_400)
    .optional(),
  /** Price ceiling in base units of the token per covered second. */
  maxRatePerSecond: decimal.optional(),
})

export type Order = z.infer<typeof Order>

/** SHA-256 of the order's canonical JSON; part of every bid that answers it. */
export function hashOrder(order: Order): `0x${string}` {
  return canonicalHash(order)
}

/**
 * The order that asks for bids on a manifest. Throws `unsupported` for what no worker can do yet.
 */
export function orderFor(
  manifest: Manifest,
  terms: { tenant: Address; token: Address; policy: Policy; maxRatePerSecond?: bigint },
): Order {
  checkSupported(manifest)
  return {
    version: 1,
    tenant: terms.tenant,
    manifestHash: hashManifest(manifest),
    token: terms.token,
    resources: resourcesOf(manifest),
    ...largestOf(manifest),
    separateNetworks: needsSeparateNetworks(manifest),
    ...(manifest.network !== undefined && { privateNetwork: true as const }),
    attributes: manifest.attributes,
    policy: policyFor(manifest, terms.policy),
    ...(manifest.demands?.noticeSeconds !== undefined && { noticeSeconds: manifest.demands.noticeSeconds }),
    ...(terms.maxRatePerSecond !== undefined && { maxRatePerSecond: terms.maxRatePerSecond.toString() }),
  }
}

function largestOf({ services }: Manifest): Pick<Order, 'largest'> {
  const all = Object.values(services)
  if (all.length === 1 && all[0]?.count === 1) return {}
  const sizes = all.map((service) =>
    resourcesOf({ services: { service: { ...service, count: 1 } }, volumes: {} }),
  )
  const most = (key: 'cpuMilli' | 'memoryMiB') => Math.max(...sizes.map((size) => size[key]))
  return { largest: { cpuMilli: most('cpuMilli'), memoryMiB: most('memoryMiB') } }
}

/**
 * What a manifest demands of the worker's evidence beside the policy: a TEE of GPUs takes GPUs in
 * confidential mode.
 */
export function policyFor({ demands }: Manifest, policy: Policy): Policy {
  return demands?.tee === 'cpu-gpu' ? { ...policy, gpus: 'confidential' } : policy
}

/** MiB of memory without which no engine starts a container. */
export const LEAST_MEMORY_MIB = 6

/** Throws `unsupported` naming what a manifest asks for that no worker does. */
export function checkSupported(manifest: Manifest): void {
  const small = Object.entries(manifest.services).find(
    ([, { resources }]) => resources.memoryMiB < LEAST_MEMORY_MIB,
  )
  if (small)
    throw new CloisterError(
      'unsupported',
      `The service ${small[0]} asks for ${formatMiB(small[1].resources.memoryMiB)} of memory, and nothing starts with less than ${formatMiB(LEAST_MEMORY_MIB)}.`,
      {
        hint: 'Ask for more: 32 MiB is little, and enough for small programs.',
      },
    )
  const urgent = Object.entries(manifest.services).find(
    ([
      ,
      {
        ulimits: { rtprio },
      },
    ]) => rtprio && (rtprio.soft !== 0 || rtprio.hard !== 0),
  )
  if (urgent)
    throw new CloisterError(
      'unsupported',
      `The service ${urgent[0]} asks for the limit \`rtprio\`: its threads would run before everybody else's.`,
    )
  const gpus = Object.values(manifest.services).flatMap(({ resources }) => resources.gpu ?? [])
  const foreign = gpus.find(({ vendor }) => vendor !== 'nvidia')
  if (foreign)
    throw new CloisterError(
      'unsupported',
      `The file asks for GPUs of ${foreign.vendor}, and workers have NVIDIA's.`,
      { hint: 'Ask for nvidia.' },
    )
  if (commonModels(gpus)?.length === 0)
    throw new CloisterError(
      'unsupported',
      'Services of the file ask for different GPU models, and a lease is on one worker.',
      {
        hint: 'Name a model that all of them take, or deploy them as leases of their own.',
      },
    )
}

/** Whether two containers of a manifest listen on the same port. */
export function needsSeparateNetworks(manifest: Manifest): boolean {
  const taken = new Set<string>()
  for (const { expose, count } of Object.values(manifest.services)) {
    if (count > 1 && expose.length > 0) return true
    for (const port of new Set(
      expose.map(({ port, protocol }) => `${port}/${protocol === 'udp' ? 'udp' : 'tcp'}`),
    )) {
      if (taken.has(port)) return true
      taken.add(port)
    }
  }
  return false
}
