import { spawnSync } from 'node:child_process'
import parse from 'parse-prometheus-text-format'

/** What a scrape says of one metric. */
export type Family = ReturnType<typeof parse>[number]

const LINE =
  /^(# (HELP|TYPE) [a-zA-Z_:][a-zA-Z0-9_:]* .*|[a-zA-Z_:][a-zA-Z0-9_:]*(\{[^\n]*\})? (NaN|Nan|[+-]Inf|[-+\d.e]+))$/

/**
 * Reads a scrape, and holds it to the text format 0.0.4: no line is anything else, every family says what it
 * is, and Prometheus' own checker agrees where it is on this machine.
 */
export function readExposition(text: string): Map<string, Family> {
  for (const line of text.split('\n'))
    if (line !== '' && !LINE.test(line)) throw new Error(`no line of the text format: ${line}`)
  if (!text.endsWith('\n')) throw new Error('the last line has no end')
  const families = parse(text)
  for (const { name, help, type } of families)
    if (!help || !type || type === 'UNTYPED') throw new Error(`${name} does not say what it is`)
  const checked = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' })
  // 3: it would name things otherwise, as prom-client's own do.
  if (checked.error === undefined && checked.status !== 0 && checked.status !== 3)
    throw new Error(`promtool says: ${checked.stderr}`)
  return new Map(families.map((family) => [family.name, family]))
}

/** The number of a family without labels, or of the one with this value of its only label. */
export function sample(families: Map<string, Family>, name: string, label?: string): number {
  const found = families
    .get(name)
    ?.metrics.find(({ labels }) => label === undefined || Object.values(labels ?? {}).includes(label))
  return Number(found?.value ?? found?.count)
}
