// Prints how packages import each other, as floors, and says what breaks the rules of docs/architecture.md:
// circles between packages or between files of one, arrows that don't point to a lower floor, packages that
// reach `development` though they aren't apps, and what needs Node in packages that run in browsers. Exit 1
// if there is any.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { circlesOf } from './imports/circles.ts'
import { readSources, type Source } from './imports/sources.ts'

/** From the bottom. Each imports what is below it, nothing beside it, as docs/architecture.md shows. */
const FLOORS = [
  ['core', 'attest', 'packed'],
  ['verify', 'images', 'terminal', 'transport'],
  ['secrets', 'executors', 'chain', 'operations'],
  ['ballots', 'client', 'bridge', 'economy', 'migration'],
  ['contracts', 'workload', 'snapshots'],
  ['key-service', 'inference'],
  ['sdk', 'agent', 'indexer', 'gateway'],
  ['development', 'keeper'],
  ['claim-page', 'cli', 'verify-page'],
  ['devnet'],
]
/** Start development networks, or serve one. Nothing else may reach `development`. */
const APPS = ['claim-page', 'cli', 'verify-page', 'devnet']
/** Run in browsers as they are, but for their `/node` doors. */
const FOR_BROWSERS = [
  'core',
  'attest',
  'verify',
  'chain',
  'secrets',
  'ballots',
  'bridge',
  'economy',
  'migration',
  'client',
  'sdk',
]
/** Files of others that do: what clients of a service import. */
const BROWSER_DOOR =
  /^services\/[^/]+\/src\/(client\/|protocol)|^packages\/(workload\/src\/(wire|judge)|transport\/src\/(web|body|events|received))\.ts$/
const NODE_DOOR = /\/node(\.ts$|\/)/
/** Modules of Node's, and doors of ours that need it. */
const NODE_ONLY =
  /'node:|\bBuffer\b|'@cloister\/(transport|workload|key-service|inference|executors|[a-z-]+\/node(\/[a-z]+)?)'/
/** A bundler can't tell what of the object `z` is used, and keeps all of zod's languages. */
const WHOLE_ZOD = /import (type )?\{ z \} from 'zod'/

const sources = readSources()
const wrong = [
  ...checkFloors(),
  ...checkPicture(),
  ...checkDevelopment(),
  ...checkCircles(),
  ...checkBrowsers(),
]
printFloors()
for (const line of wrong) console.error(`✘ ${line}`)
process.exitCode = wrong.length > 0 ? 1 : 0

function arrowsOf(name: string): string[] {
  const own = sources.filter((source) => source.package === name)
  return [...new Set(own.flatMap(({ packages }) => packages))].filter((other) => other !== name).sort()
}

function floorOf(name: string): number {
  return FLOORS.findIndex((floor) => floor.includes(name))
}

function checkFloors(): string[] {
  return [...new Set(sources.map((source) => source.package))].flatMap((name) =>
    floorOf(name) < 0
      ? [`${name} is on no floor: give it one in scripts/check-imports.ts and in docs/architecture.md`]
      : arrowsOf(name)
          .filter((other) => floorOf(other) >= floorOf(name))
          .map((other) => `${name} imports ${other}, which is not below it: ${whoImports(name, other)}`),
  )
}

function whoImports(name: string, other: string): string {
  return sources
    .filter((source) => source.package === name && source.packages.includes(other))
    .map(({ path }) => path)
    .join(', ')
}

/**
 * The first picture of docs/architecture.md: a number begins a floor, and folders stand on it. docs/rooms.svg
 * has each of them.
 */
function checkPicture(): string[] {
  const text = readFileSync(join(import.meta.dirname, '../docs/architecture.md'), 'utf8')
  const shown = new Map<string, number>()
  let floor = -1
  for (const line of text.split('```')[1]?.split('\n') ?? []) {
    floor = Number(/^ *(\d+) {2}/.exec(line)?.[1] ?? floor)
    for (const [, name, plan] of line.matchAll(/(?:packages|services|apps)\/([a-z-]+)|(contracts)\/deploy/g))
      shown.set(name ?? plan ?? '', floor)
  }
  const drawn = readFileSync(join(import.meta.dirname, '../docs/rooms.svg'), 'utf8')
  const isDrawn = (name: string) => new RegExp(`/${name}<|>${name}/`).test(drawn)
  return [
    ...FLOORS.flat()
      .filter((name) => shown.get(name) !== floorOf(name))
      .map((name) => `docs/architecture.md does not show ${name} on floor ${floorOf(name)}`),
    ...FLOORS.flat()
      .filter((name) => !isDrawn(name))
      .map((name) => `docs/rooms.svg does not show ${name}`),
  ]
}

function checkDevelopment(): string[] {
  const reaching = new Set(['development'])
  for (let size = 0; size < reaching.size; ) {
    size = reaching.size
    for (const name of FLOORS.flat())
      if (!APPS.includes(name) && arrowsOf(name).some((other) => reaching.has(other))) reaching.add(name)
  }
  return [...reaching]
    .filter((name) => name !== 'development')
    .map((name) => `${name} reaches development, which only apps and tests may`)
}

function checkCircles(): string[] {
  const names = FLOORS.flat()
  const between = circlesOf(new Map(names.map((name) => [name, arrowsOf(name)])))
  const inside = circlesOf(new Map(sources.map(({ path, files }) => [path, files])))
  return [...between, ...inside].map((circle) => `these import each other: ${circle.join(', ')}`)
}

function checkBrowsers(): string[] {
  const runsInBrowsers = ({ path, package: name }: Source) =>
    (FOR_BROWSERS.includes(name) || BROWSER_DOOR.test(path)) && !NODE_DOOR.test(path)
  return sources.flatMap((source) => {
    if (!runsInBrowsers(source)) return []
    const { path, text } = source
    return [
      ...(NODE_ONLY.test(text) ? [`${path} imports Node or uses Buffer, and has to run in browsers`] : []),
      ...(WHOLE_ZOD.test(text) ? [`${path} has to import * as z from zod, or pages grow by 60 kB`] : []),
    ]
  })
}

function printFloors(): void {
  for (const floor of FLOORS.toReversed()) {
    for (const name of floor) {
      const below = arrowsOf(name)
      console.log(`${String(floorOf(name)).padStart(2)}  ${name.padEnd(12)} ${below.join(' ') || '–'}`)
    }
  }
}
