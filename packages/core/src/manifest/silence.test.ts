import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CloisterError } from '../errors.ts'
import type { ManifestError } from './source.ts'
import { compose } from './testing.ts'

/** A file in which every nested object of a service stands once. */
const FULL = {
  image: 'a',
  configs: [{ source: 'c', target: '/c' }],
  secrets: [{ source: 's', target: 't' }],
  ports: [{ target: 80, published: '8080' }],
  volumes: [
    { type: 'volume', source: 'v', target: '/v', volume: { nocopy: true } },
    { type: 'tmpfs', target: '/t', tmpfs: { size: '1m' } },
    { type: 'bind', source: './d', target: '/b', bind: { create_host_path: true } },
  ],
  env_file: [{ path: 'a.env', required: true }],
  depends_on: { db: { condition: 'service_started' } },
  healthcheck: { test: ['CMD', 'a'] },
  deploy: {
    resources: { limits: { cpus: '1', memory: '1g' }, reservations: { devices: [{ count: 1, capabilities: ['gpu'] }] } },
    restart_policy: { condition: 'any' },
  },
  networks: { n: { aliases: ['x'] } },
  ulimits: { nofile: { soft: 1, hard: 2 } },
  storage_opt: { size: '1g' },
}

/** Paths of all objects below a value. */
function objects(value: unknown, path: (string | number)[] = []): (string | number)[][] {
  if (typeof value !== 'object' || value === null) return []
  const below = Object.entries(value).flatMap(([key, item]) => objects(item, [...path, Array.isArray(value) ? Number(key) : key]))
  return Array.isArray(value) ? below : [path, ...below]
}

describe('nothing is dropped in silence', () => {
  const parse = (web: unknown) =>
    compose(
      `services: ${JSON.stringify({ web, db: { image: 'b' } })}\nconfigs: {c: {content: x}}\nsecrets: {s: {file: a.env}}\nvolumes: {v: }\nnetworks: {n: }`,
      { 'a.env': 'A=1' },
    )
  // Below these, keys are names that the writer chooses.
  const FREE = ['depends_on', 'networks', 'ulimits']

  it('wherever a stray key stands', () => {
    expect(() => parse(FULL)).not.toThrow()
    const places = objects(FULL).filter((path) => !FREE.includes(String(path.at(-1))))
    expect(places.length).toBeGreaterThan(18)
    fc.assert(
      fc.property(fc.constantFrom(...places), fc.stringMatching(/^[a-z]{3,9}_$/), fc.jsonValue({ maxDepth: 1 }), (path, key, value) => {
        const changed = structuredClone(FULL)
        const at = path.reduce<Record<string, unknown>>((object, part) => object[part] as Record<string, unknown>, changed as Record<string, unknown>)
        at[key] = value
        const told = (() => {
          try {
            return parse(changed).warnings.map(({ field }) => field)
          } catch (error) {
            expect(error).toBeInstanceOf(CloisterError)
            return [(error as ManifestError).field ?? '']
          }
        })()
        expect(told.some((field) => field.includes(key))).toBe(true)
      }),
      { numRuns: 150 },
    )
  })
})
