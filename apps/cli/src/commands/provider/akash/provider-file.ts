import { CloisterError } from '@cloister/core'
import { isMap, isScalar, isSeq, LineCounter, type Pair, parseDocument } from 'yaml'
import { readAttributes } from './attributes.ts'
import { readGpuMappings } from './gpu-mappings.ts'
import { type AkashProvider, DECIMAL, type Targets } from './line.ts'
import { whyNot } from './script.ts'

const FILE = 'provider.yaml'
const MAX_KEYS = 500

/** Keys that have no place, and what to do about each. */
const LEFT: Record<string, string> = {
  from: "an account of Akash's: `cloister wallet` has yours",
  key: "a key of Akash's: it stays where it is, and is of no use here",
  keysecret: "the secret of a key of Akash's: it stays where it is, and is of no use here",
  node: 'the network to work for is in network.json',
  chainid: 'the network to work for is in network.json',
  email: 'tenants are shown the name alone',
  website: 'tenants are shown the name alone',
  organization: 'tenants are shown the name alone',
  info: 'tenants are shown the name alone',
  bidmindeposit: 'uakt: the least deposit of a lease is `minimumDeposit`, by token',
  bidpricestrategy: 'a list of prices or a bidScript; whichever is there',
  ipoperator: 'no addresses are leased here',
  debug: '`--verbose` shows more',
}
/** The same, by how a key begins. */
const LEFT_BY_BEGIN: [RegExp, string][] = [
  [/^bidprice.*scale$/, 'uakt per block: say prices in dollars, by `cloister provider price USDC`'],
  [/^overcommit_/, 'what is leased is there in full: a worker lends nothing twice'],
  [/^gas|^tx_|^minimumbalance$/, "the fees of Akash's chain"],
]

/**
 * Reads what an Akash provider runs by: the values of its Helm chart (akash-network/helm-charts,
 * `akash-provider`), or the older file of `provider-services` with `host` and `attributes`. Every key has its
 * fate. Throws `bad-config`.
 */
export function readProviderFile(text: string): AkashProvider {
  const counter = new LineCounter()
  const document = parseDocument(text, { lineCounter: counter })
  const problem = document.errors[0]
  if (problem || !isMap(document.contents))
    throw new CloisterError(
      'bad-config',
      `It can not be read as YAML${problem ? ` (line ${problem.linePos?.[0].line ?? 1})` : ': a map of keys is expected'}.`,
    )
  if (document.contents.items.length > MAX_KEYS)
    throw new CloisterError('bad-config', `It has more than ${MAX_KEYS} keys.`)
  const provider: AkashProvider = { attributes: {}, gpuClasses: [], targets: { gpu: {} }, fates: [] }
  for (const pair of document.contents.items) {
    const key = isScalar(pair.key) ? String(pair.key.value) : ''
    const offset = isScalar(pair.key) ? pair.key.range?.[0] : undefined
    readKey(provider, key, pair, counter.linePos(offset ?? 0).line, counter)
  }
  return provider
}

function readKey(provider: AkashProvider, key: string, pair: Pair, line: number, counter: LineCounter): void {
  const tell = (became: string | undefined, why?: string) =>
    void provider.fates.push({
      file: FILE,
      line,
      what: key.slice(0, 60),
      became,
      ...(why !== undefined && { why }),
    })
  const value = isScalar(pair.value) && pair.value.value !== null ? String(pair.value.value) : ''
  const target = /^price_target_([a-z_]{1,40})$/.exec(key)?.[1]
  if (key === 'attributes') {
    if (isSeq(pair.value)) readAttributes(provider, pair.value, counter)
    else tell(undefined, 'a list of `key` and `value` is expected')
  } else if (key === 'host' || key === 'domain') {
    const url = key === 'domain' ? `https://provider.${value}` : value
    if (!URL.canParse(url) || new URL(url).protocol !== 'https:')
      return tell(undefined, 'no https URL comes of it')
    provider.endpoint = url
    tell('endpoint', 'as long as its port leads to this worker; TLS must not end before it')
  } else if (key === 'withdrawalperiod') {
    const seconds = secondsOf(value)
    if (seconds === undefined) return tell(undefined, 'a duration such as 12h is expected')
    provider.settleEverySeconds = Math.min(86_400, Math.max(10, seconds))
    tell('settleEverySeconds', seconds === provider.settleEverySeconds ? undefined : 'from 10 s to a day')
  } else if (key === 'bidpricescript') {
    const script = /^[A-Za-z0-9+/=\s]+$/.test(value) ? Buffer.from(value, 'base64').toString('utf8') : ''
    if (script === '') return tell(undefined, 'it is no script in base64')
    provider.script = script
    tell('prices.USDC', 'its targets; line by line below')
  } else if (target === 'gpu_mappings') {
    const { prices, left } = readGpuMappings(value)
    Object.assign(provider.targets.gpu, prices)
    tell('prices.USDC.gpu', left.length > 0 ? `but for ${left.join(', ')}: a class has one price` : undefined)
  } else if (target !== undefined) tellTarget(target)
  else
    tell(
      undefined,
      LEFT[key] ?? LEFT_BY_BEGIN.find(([begin]) => begin.test(key))?.[1] ?? 'nothing here goes by it',
    )

  function tellTarget(name: string): void {
    const field = fieldOf(name)
    if (field === undefined) tell(undefined, whyNot(name))
    else if (!DECIMAL.test(value)) tell(undefined, 'its value is not a plain number')
    else {
      provider.targets[name as Exclude<keyof Targets, 'gpu'>] = value
      tell(field)
    }
  }
}

function fieldOf(target: string): string | undefined {
  if (target === 'cpu') return 'prices.USDC.cpu'
  if (target === 'memory') return 'prices.USDC.memoryGiB'
  return /^hd_(ephemeral|pers_(hdd|ssd|nvme))$/.test(target) ? 'prices.USDC.diskGiB' : undefined
}

/** Go's durations, as far as files use them: `12h`, `90m`, `1h30m`. */
function secondsOf(text: string): number | undefined {
  const match = /^(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?$/.exec(text.trim())
  if (!match || text.trim() === '') return undefined
  const [, hours = '0', minutes = '0', seconds = '0'] = match
  return Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)
}
