import * as z from 'zod'
import { CloisterError } from './errors/error.ts'
import { bytes32 } from './shapes.ts'
import { parseDurationMs } from './units.ts'

const ROOTS = ['intel', 'amd', 'aws', 'devnet'] as const
const TCB_STATUSES = [
  'UpToDate',
  'SWHardeningNeeded',
  'ConfigurationNeeded',
  'ConfigurationAndSWHardeningNeeded',
  'OutOfDate',
  'OutOfDateConfigurationNeeded',
] as const

/** What a tenant demands of the verdict on a worker, before money moves. */
export const Policy = z.strictObject({
  /** Whose hardware. `devnet` is software, and only development networks have it. */
  roots: z.array(z.enum(ROOTS)).min(1).max(ROOTS.length),
  /** TCB statuses that will do. */
  tcb: z.array(z.enum(TCB_STATUSES)).min(1).max(TCB_STATUSES.length),
  /** Measurements of guests that will do; those that governance allows, if not given. */
  measurements: z.array(bytes32).min(1).max(64).optional(),
  /** Places, any of which will do, by a witness of the network's; anywhere, if not given. */
  places: z
    .array(z.string().regex(/^[\x21-\x7e]{1,100}$/))
    .min(1)
    .max(16)
    .optional(),
  /**
   * GPUs in confidential mode, confirmed on chain by other providers' verifiers; or whatever the worker
   * says.
   */
  gpus: z.enum(['confidential', 'any']),
  /** How long ago the worker may last have attested on chain. */
  maxAgeSeconds: z.int().min(1).max(86_400),
})
export type Policy = z.infer<typeof Policy>

/** GPUs that are confirmed in confidential mode; `gpuClass` empty and 0 where none are. */
export interface ConfirmedGpus {
  gpuClass: string
  gpus: number
}

/**
 * What is demanded where nothing is said: a vendor's root and complete security updates, GPUs in
 * confidential mode if any are asked for, attested within two hours. On a development network the
 * development root, since there is no other, and any GPUs.
 */
export function defaultPolicy(development: boolean): Policy {
  return {
    roots: [development ? 'devnet' : 'intel'],
    tcb: ['UpToDate', 'SWHardeningNeeded'],
    gpus: development ? 'any' : 'confidential',
    maxAgeSeconds: 7_200,
  }
}

/**
 * Reads a policy as it is typed:
 * `root=intel,tcb=UpToDate+OutOfDate,measurement=0x…,place=aws/eu-central-1,gpu=confidential,age=30m`. What
 * isn't said is as in `defaultPolicy`. Throws `bad-policy`.
 *
 * @example
 * ```ts
 * import { leases, parsePolicy } from '@cloister/sdk'
 *
 * const policy = parsePolicy('root=intel,tcb=UpToDate,age=1h', false)
 * const { bids } = await leases.bids(cloister, { manifest, pay: 'USDC', policy })
 * ```
 */
export function parsePolicy(text: string, development: boolean): Policy {
  const policy: Record<string, unknown> = { ...defaultPolicy(development) }
  for (const part of text.split(',').filter((word) => word.trim() !== '')) {
    const [name, value] = part.split('=').map((word) => word.trim())
    if (name === undefined || value === undefined || value === '')
      throw wrong(`${part.slice(0, 60)} is not name=value`)
    const values = value.split('+')
    if (name === 'root') policy['roots'] = values
    else if (name === 'tcb') policy['tcb'] = values
    else if (name === 'measurement') policy['measurements'] = values
    else if (name === 'place') policy['places'] = values
    else if (name === 'gpu') policy['gpus'] = value
    else if (name === 'age') policy['maxAgeSeconds'] = Math.floor(parseDurationMs(value) / 1000)
    else throw wrong(`${name.slice(0, 60)} is nothing a policy knows`)
  }
  const parsed = Policy.safeParse(policy)
  if (!parsed.success)
    throw wrong(`${String(parsed.error.issues[0]?.path[0])}: ${parsed.error.issues[0]?.message}`)
  if (parsed.data.roots.includes('devnet') && !development)
    throw wrong('root=devnet is software, which is for development networks only')
  return parsed.data
}

function wrong(what: string): CloisterError {
  return new CloisterError('bad-policy', `The policy is wrong: ${what}.`, {
    hint: `Say for instance root=intel,tcb=${TCB_STATUSES.slice(0, 2).join('+')},age=1h; see docs/attestation.md.`,
  })
}
