import { isMap, type LineCounter, type YAMLSeq } from 'yaml'
import type { AkashProvider } from './line.ts'

const MAX_ATTRIBUTES = 500
const GPU =
  /^capabilities\/gpu\/vendor\/[a-z]+\/model\/([a-z0-9._-]{1,32})(?:\/(ram|interface)\/([A-Za-z0-9]{1,16}))?/
/** Attributes that promise what workers here don't have. */
const NOT_HERE: [RegExp, string][] = [
  [/^(feat-endpoint-ip|capabilities\/endpoint\/ip)/, 'no addresses are leased here'],
  [/^feat-shm$/, 'every worker has it: `shm_size` in the file'],
]

/**
 * Reads `attributes`: what SDL files ask of a provider (`placement.attributes`) they ask here by the same
 * names.
 */
export function readAttributes(provider: AkashProvider, list: YAMLSeq, counter: LineCounter): void {
  for (const item of list.items.slice(0, MAX_ATTRIBUTES)) {
    const line = isMap(item) ? counter.linePos(item.range?.[0] ?? 0).line : 0
    const key = isMap(item) ? String(item.get('key') ?? '') : ''
    const value = isMap(item) ? String(item.get('value') ?? '') : ''
    const tell = (became: string | undefined, why?: string) =>
      provider.fates.push({
        file: 'provider.yaml',
        line,
        what: `attributes ${key.slice(0, 80)}`,
        became,
        ...(why !== undefined && { why }),
      })
    const missing = NOT_HERE.find(([pattern]) => pattern.test(key))
    if (key === '' || value === '') tell(undefined, 'a `key` and a `value` are expected')
    else if (missing) tell(undefined, missing[1])
    else if (key.length > 64 || value.length > 255) tell(undefined, 'names have 64 characters, values 255')
    else {
      provider.attributes[key] = value
      tell(`attributes.${key}`)
      const [, model, feature, size] = GPU.exec(key) ?? []
      if (model !== undefined && value !== 'false') {
        if (!provider.gpuClasses.includes(model)) provider.gpuClasses.push(model)
        if (feature === 'ram' && size !== undefined) provider.attributes['gpu-ram'] ??= size
        if (feature === 'interface' && size !== undefined)
          provider.attributes['gpu-interface'] ??= size.toLowerCase().replace(/^(sxm|pcie).*$/, '$1')
      }
    }
  }
}
