import { readGpuMappings } from './gpu-mappings.ts'
import { DECIMAL, type Fate, type Targets } from './line.ts'

const FILE = 'price script'
const DISKS = ['hd_ephemeral', 'hd_pers_hdd', 'hd_pers_ssd', 'hd_pers_nvme']
const CARRIED = new Set(['cpu', 'memory', ...DISKS])

/** Lines that decide about more than prices, and what to do about each. */
const DECISIONS: [RegExp, string, string][] = [
  [/\bWHITELIST(_URL)?\b/, 'WHITELIST', 'a bidScript can decline tenants: its order has the `tenant`'],
  [/\bAKASH_OWNER\b/, 'AKASH_OWNER', 'it names accounts of another chain; a bidScript is given the `tenant`'],
  [/\b(DENOM|denom)\b/, 'denom', 'prices are by token here, see `prices`'],
]

/**
 * Reads the targets of a price script (akash-network/helm-charts, `price_script_generic.sh` and what was made
 * of it) without running it: `TARGET_CPU="1.60"` and `TARGET_CPU="${PRICE_TARGET_CPU:-1.60}"`.
 */
export function readPriceScript(text: string): { targets: Targets; fates: Fate[] } {
  const targets: Targets = { gpu: {} }
  const fates: Fate[] = []
  const lines = text.split('\n')
  let other = 0
  for (const [index, whole] of lines.entries()) {
    const tell = (what: string, became: string | undefined, why?: string) =>
      fates.push({ file: FILE, line: index + 1, what, became, ...(why !== undefined && { why }) })
    const code = whole.slice(0, 2_000).trim()
    if (code === '' || code.startsWith('#')) continue
    const set = /^(?:export\s+)?(TARGET_[A-Z_]{1,40}|gpu_mappings|GPU_MAPPINGS)=(\S+)/.exec(code)
    if (set) {
      const [, name = '', raw = ''] = set
      const value = /^["']?(?:\$\{[A-Z_]{1,60}:-)?([^"'}]{1,1000})\}?["']?;?$/.exec(raw)?.[1] ?? ''
      if (/mappings/i.test(name)) tellMappings(value)
      else tellTarget(name, value)
      continue
    }
    const decision = DECISIONS.find(([pattern]) => pattern.test(code))
    if (decision) tell(decision[1], undefined, decision[2])
    else other++

    function tellMappings(value: string): void {
      const { prices, left } = readGpuMappings(value)
      Object.assign(targets.gpu, prices)
      for (const model of Object.keys(prices)) tell(`${name(model)}`, 'prices.USDC.gpu')
      for (const entry of left) tell(entry, undefined, 'a class of GPUs has one price')
    }

    function tellTarget(variable: string, value: string): void {
      const key = variable.slice('TARGET_'.length).toLowerCase()
      if (!DECIMAL.test(value)) tell(variable, undefined, 'its value is not a plain number')
      else if (key === 'gpu_unit') {
        targets.gpu['*'] ??= value
        tell(variable, 'prices.USDC.gpu')
      } else if (CARRIED.has(key)) {
        targets[key as Exclude<keyof Targets, 'gpu'>] = value
        tell(
          variable,
          DISKS.includes(key) ? 'prices.USDC.diskGiB' : `prices.USDC.${key === 'cpu' ? 'cpu' : 'memoryGiB'}`,
        )
      } else tell(variable, undefined, whyNot(key))
    }
  }
  if (other > 0)
    fates.push({
      file: FILE,
      line: 0,
      what: `${other} other lines`,
      became: undefined,
      why: 'code is not run or translated; what it decides beyond these targets, a bidScript can',
    })
  return { targets, fates }
}

/** Why a target has no place. */
export function whyNot(key: string): string {
  if (key === 'endpoint') return 'ports cost nothing here'
  if (key === 'ip') return 'no addresses are leased here'
  return 'nothing here is priced by it'
}

function name(model: string): string {
  return `gpu_mappings ${model}`
}
