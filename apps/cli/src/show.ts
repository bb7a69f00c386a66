import type { Network } from '@cloister/chain'
import {
  type AttestationState,
  CloisterError,
  formatCpu,
  formatDuration,
  formatMiB,
  pricePerHour,
  type Resources,
  shortId,
  showAmount,
  type WorkerRecord,
} from '@cloister/core'
import type { LeaseStatus } from '@cloister/sdk'
import { paint, printable } from '@cloister/terminal'
import type { Address, Hex } from 'viem'

/** The token of stake and emission, as people see it. */
export const CLOI = { symbol: 'CLOI', decimals: 18 }

/** An amount in a token of the network, for reading. */
export function money(network: Network, token: Address, amount: bigint, places = 6): string {
  const known = network.tokens.find(({ address }) => address === token)
  return known ? showAmount(amount, known, places) : `${amount} of ${token}`
}

export function hourly(network: Network, token: Address, ratePerSecond: bigint): string {
  return money(network, token, pricePerHour(ratePerSecond))
}

export function short(address: Address): string {
  return `${address.slice(0, 8)}…${address.slice(-4)}`
}

/** A lease as whoever typed `key` knows it: by that name, or by its short id where they typed an id. */
export function asTyped(key: string, lease: Hex): string {
  const id = shortId(lease)
  return id.startsWith(key.replace(/^0x/, '').slice(0, id.length)) ? id : printable(key)
}

/** An error about the lease that somebody typed as `key`, with a hint that calls it so. */
export function hintingAsTyped(key: string, error: unknown): unknown {
  if (!(error instanceof CloisterError) || typeof error.hint !== 'object') return error
  const { do: advice, subject } = error.hint
  if (advice !== 'resize-lease' || subject === undefined) return error
  const { code, message, details } = error
  const hint = { do: advice, subject: asTyped(key, `0x${subject}`) }
  return new CloisterError(code, message, { hint, details, cause: error })
}

export function resources(
  { cpuMilli, memoryMiB, diskMiB, gpus, gpuModels = [] }: Omit<Resources, 'gpuModels'> & Partial<Resources>,
  gpuClass = gpuModels.join(' or '),
): string {
  return [
    formatCpu(cpuMilli),
    `${formatMiB(memoryMiB)} memory`,
    `${formatMiB(diskMiB)} disk`,
    ...(gpus > 0 ? [`${gpus} × ${gpuClass || 'GPU'}`] : []),
  ].join(' · ')
}

/** How much notice a provider gives, and whether that is less than a reserved lease has. */
export function notice(seconds: number, interruptible: boolean): string {
  return `${formatDuration(seconds)}${interruptible ? ', interruptible' : ''}`
}

export function percent(share: number): string {
  return `${(share * 100).toFixed(share > 0.999 || share < 0.001 ? 0 : 1)}%`
}

/**
 * The covered part of a worker's time; in its first hour that would say how long the first attestation took.
 */
export function uptimeOf({ uptime, registeredAt }: Pick<WorkerRecord, 'uptime' | 'registeredAt'>): string {
  return Date.now() / 1000 - registeredAt < 3600 ? 'new' : percent(uptime)
}

/** Yields above this, a year, are said as how many times over. */
const MOST_PERCENT = 10

/** A year's yield: a percentage, or how many times over where it is absurd. */
export function yearly(part: number): string {
  return part > MOST_PERCENT ? `${Math.round(part).toLocaleString('en')} times` : percent(part)
}

/** What to say below a table in which a yield is said as times; undefined where none is. */
export function explainTimes(parts: (number | undefined)[]): string | undefined {
  const most = Math.max(...parts.map((part) => part ?? 0))
  return most > MOST_PERCENT
    ? `${yearly(most)}: at this rate a year would pay the stake back that often, since little is staked beside what is emitted. It falls as more is staked.`
    : undefined
}

export function instant(unixSeconds: number): string {
  return new Date(unixSeconds * 1000).toISOString().replace('T', ' ').replace('.000Z', ' UTC')
}

export function since(unixSeconds: number): string {
  return formatDuration(Math.max(0, Math.round(Date.now() / 1000) - unixSeconds))
}

export function state(text: string): string {
  const style = ['running', 'scheduled', 'completed', 'open'].includes(text)
    ? 'green'
    : text === 'failed' || text === 'unreachable' || text === 'unhealthy'
      ? 'red'
      : text === 'closed'
        ? 'dim'
        : 'yellow'
  return paint(style, text)
}

/** How a worker stands, in the colour of it. */
export function attestation(text: AttestationState): string {
  return paint(text === 'attested' ? 'green' : text === 'simulated' ? 'yellow' : 'red', text)
}

/** A lease's status as `--json` has it. */
export function statusJson({ symbol: _, ...lease }: LeaseStatus) {
  return { ...lease, services: lease.services.map((service) => ({ ...service })) }
}
