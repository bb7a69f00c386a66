import { DECIMAL } from './line.ts'

/**
 * Prices of GPUs as Akash's script takes them: `a100=120,h100.80Gi.sxm5=900,*=130`. Models with a size or a
 * form have no price of their own here: the first of a model's is taken, where the model alone has none.
 */
export function readGpuMappings(text: string): { prices: Record<string, string>; left: string[] } {
  const prices: Record<string, string> = {}
  const left: string[] = []
  const entries = text
    .slice(0, 10_000)
    .split(',')
    .map((entry) => entry.trim().toLowerCase())
    .filter((entry) => entry !== '')
  const parsed = entries.map((entry) =>
    /^([a-z0-9_-]{1,32}|\*)((?:\.[a-z0-9]{1,16}){0,2})=(\S+)$/.exec(entry),
  )
  for (const isPlain of [true, false])
    for (const [index, match] of parsed.entries()) {
      const [, model = '', form = '', price = ''] = match ?? []
      if ((form === '') !== isPlain && match) continue
      if (!match || !DECIMAL.test(price) || (!isPlain && prices[model] !== undefined)) {
        const entry = (entries[index] ?? '').slice(0, 60)
        if (!left.includes(entry)) left.push(entry)
      } else prices[model] = price
    }
  return { prices, left }
}
