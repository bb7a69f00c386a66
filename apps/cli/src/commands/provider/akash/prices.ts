import type { Targets } from './line.ts'

/**
 * What Akash's script charges if nothing else is said, US dollars a month (akash-network/helm-charts,
 * `price_script_generic.sh`).
 */
const DEFAULTS = { cpu: '1.60', memory: '0.80', hd_ephemeral: '0.02' }
/** Its month has 30.437 days. */
const MILLIHOURS_PER_MONTH = 730_488n
/** A millionth of a token's smallest unit where it has six decimals. */
const DECIMALS = 12

/** Which of Akash's storage classes is priced by which target. */
const CLASSES: Record<string, 'hd_pers_hdd' | 'hd_pers_ssd' | 'hd_pers_nvme'> = {
  beta1: 'hd_pers_hdd',
  beta2: 'hd_pers_ssd',
  beta3: 'hd_pers_nvme',
}

/** Prices of a token that is worth a dollar, per hour, as the configuration writes them. */
export interface HourlyPrices {
  cpu: string
  memoryGiB: string
  diskGiB: string
  gpu: Record<string, string>
}

/**
 * Makes hourly prices of monthly targets. Disk has one price here: the dearest of what containers write and
 * of the classes of volumes that attributes offer. A class of GPUs that attributes list and nobody priced
 * costs what all others do (`*`).
 */
export function hourlyPrices(
  targets: Targets,
  attributes: Readonly<Record<string, string>>,
  gpuClasses: readonly string[],
): HourlyPrices {
  const offered = Object.entries(attributes).flatMap(([name, value]) =>
    /^capabilities\/storage\/\d+\/class$/.test(name) ? (CLASSES[value] ?? []) : [],
  )
  const disks = [
    targets.hd_ephemeral ?? DEFAULTS.hd_ephemeral,
    ...offered.flatMap((one) => targets[one] ?? []),
  ]
  const others = targets.gpu['*']
  const gpu = Object.entries(targets.gpu).filter(([model]) => model !== '*')
  for (const model of gpuClasses)
    if (others !== undefined && targets.gpu[model] === undefined) gpu.push([model, others])
  const dearest = disks.reduce((most, next) => (scaled(next) > scaled(most) ? next : most))
  return {
    cpu: hourly(targets.cpu ?? DEFAULTS.cpu),
    memoryGiB: hourly(targets.memory ?? DEFAULTS.memory),
    diskGiB: hourly(dearest),
    gpu: Object.fromEntries(gpu.map(([model, price]) => [model, hourly(price)])),
  }
}

/** A decimal, times 10^12. */
function scaled(decimal: string): bigint {
  const [whole = '0', fraction = ''] = decimal.split('.')
  return BigInt(whole + fraction.padEnd(DECIMALS, '0').slice(0, DECIMALS))
}

/** A month's price by the hour, to 12 decimals, rounded up. */
function hourly(decimal: string): string {
  const amount = (scaled(decimal) * 1000n + MILLIHOURS_PER_MONTH - 1n) / MILLIHOURS_PER_MONTH
  const digits = String(amount).padStart(DECIMALS + 1, '0')
  const fraction = digits.slice(-DECIMALS).replace(/0+$/, '')
  return `${digits.slice(0, -DECIMALS)}${fraction && `.${fraction}`}`
}
