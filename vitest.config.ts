import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Tests that take minutes, the longest first. */
const LONGEST = ['journeys', 'crash', 'stake', 'walk', 'secrets', 'restart', 'token-home'].map(
  (name) => `e2e/${name}.test.ts`,
)

/**
 * The longest files first, so that none of them begins when all others have ended: those that are known, and
 * the others as far as their size tells. A file counts with what is in the folder of its name.
 */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sizes = new Map(files.map(({ moduleId }) => [moduleId, sizeOf(moduleId)]))
    return files.toSorted((one, other) => (sizes.get(other.moduleId) ?? 0) - (sizes.get(one.moduleId) ?? 0))
  }
}

function sizeOf(path: string): number {
  const rank = LONGEST.findIndex((name) => path.endsWith(name))
  if (rank >= 0) return Number.MAX_SAFE_INTEGER - rank
  const folder = path.replace(/\.test\.ts$/, '')
  const isFolder = statSync(folder, { throwIfNoEntry: false })?.isDirectory()
  const below = isFolder ? readdirSync(folder, { recursive: true, encoding: 'utf8' }) : []
  return below.reduce((sum, name) => sum + statSync(join(folder, name)).size, statSync(path).size)
}

/**
 * Tests that look at the whole machine (every network filter, mount, process or container on it): one file,
 * beside those that make none of these.
 */
const WHOLE_MACHINE = ['packages/executors/src/whole-machine.test.ts']

/** Tests that measure the machine: with nothing beside them. */
const ALONE = ['e2e/differential.test.ts']

/**
 * Tests that take minutes and look at what few changes touch, where they are asked for: see package.json.
 * Nothing is beside them.
 */
const ON_DEMAND = {
  CLOISTER_KUBERNETES: ['packages/executors/src/kubernetes/kubernetes.test.ts', 'e2e/kubernetes.test.ts'],
  CLOISTER_SWARM: ['e2e/swarm.test.ts'],
  CLOISTER_PACKAGES: ['e2e/packages.test.ts', 'e2e/images.test.ts'],
  CLOISTER_TRAINING: ['models/tiny/train.test.ts'],
  CLOISTER_PODMAN: ['packages/executors/src/sent/podman.test.ts'],
}
const demanded = Object.entries(ON_DEMAND).flatMap(([name, files]) => (process.env[name] ? files : []))

/** Tests that mostly wait, and that others beside would hold up: with nothing but themselves beside them. */
const WAITING = [
  'packages/executors/src/network/**/*.test.ts',
  'packages/executors/src/sandbox/**/*.test.ts',
  'e2e/{lapse,slow-readers,soak}.test.ts',
]

/**
 * Tests that talk to nothing outside of their process but ports and programs of their own: files share a
 * process, and with it what they load.
 */
const QUICK = [
  'packages/{attest,ballots,client,core,gateway,keeper,migration,operations,packed,sdk,secrets,snapshots,terminal,transport,verify,workload}/**/*.test.ts',
  'packages/agent/src/**/*.test.ts',
  'services/**/*.test.ts',
  'models/**/*.test.ts',
]

/** The same of the command line, with what its commands reach outside of themselves made up where need be. */
const COMMANDS = ['apps/cli/**/*.test.ts']

/** Tests that talk to chains and databases of their own, or prove contracts: no containers, no networks. */
const ON_CHAINS = [
  'contracts/**/*.test.ts',
  'packages/{bridge,chain,economy,indexer}/**/*.test.ts',
  'apps/devnet/**/*.test.ts',
  'ops/**/*.test.ts',
]

const first = {
  exclude: ['**/node_modules/**'],
  isolate: false,
  // Each process loads what its files import: a third one takes more time than it gives.
  maxWorkers: 2,
  sequence: { groupOrder: 0 },
}

const common = {
  testTimeout: 180_000,
  hookTimeout: 240_000,
  pool: 'forks' as const,
  execArgv: ['--disable-warning=ExperimentalWarning'],
}

/**
 * Tests that wait for real engines, chains and containers get a second try, since a machine that others use
 * can be slower than any limit. The last lines of a run name those that needed it: a fault until it is known
 * to be none.
 */
const SECOND_TRY = { retry: 1 }

export default defineConfig({
  test: {
    reporters: ['default', './scripts/second-tries.ts'],
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          ...common,
          ...first,
          name: 'quick',
          include: QUICK,
          exclude: [...first.exclude, ...Object.values(ON_DEMAND).flat()],
        },
      },
      {
        test: {
          ...common,
          ...first,
          name: 'commands',
          include: COMMANDS,
          setupFiles: ['apps/cli/src/testing-setup.ts'],
          globalSetup: ['apps/cli/src/every-command.ts'],
        },
      },
      {
        test: { ...common, ...first, ...SECOND_TRY, name: 'on chains', include: ON_CHAINS },
      },
      {
        test: {
          ...common,
          ...first,
          ...SECOND_TRY,
          name: 'the whole machine',
          include: WHOLE_MACHINE,
          isolate: true,
        },
      },
      {
        test: {
          ...common,
          ...SECOND_TRY,
          name: 'beside each other',
          include: ['packages/**/*.test.ts', 'apps/**/*.test.ts', 'e2e/**/*.test.ts'],
          exclude: [
            ...[...QUICK, ...COMMANDS, ...ON_CHAINS, ...WHOLE_MACHINE, ...ALONE, ...WAITING],
            ...Object.values(ON_DEMAND).flat(),
            '**/node_modules/**',
          ],
          // Most wait for real chains, databases and containers more than they reckon. What they load is a
          // quarter of the work, so files share processes.
          maxWorkers: 4,
          isolate: false,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          ...common,
          ...SECOND_TRY,
          name: 'waiting',
          include: WAITING,
          maxWorkers: 3,
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          ...common,
          ...SECOND_TRY,
          name: 'alone',
          include: [...ALONE, ...demanded],
          maxWorkers: 1,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
})
