// Packs the programs: a command reads a few files instead of two thousand and starts in a third of the time,
// and a daemon takes half the memory. Sources run as they are where this wasn't done.
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { build, context } from 'esbuild'
import { IMAGE, IMAGE_OPTIONS } from './image-code.mjs'
import { lateBuiltins } from './late-builtins.mjs'
import { curveAlone, LEFT_OUT, REQUIRE, unused } from './left-out.mjs'
import { changedSources, OWN_PATHS } from './own-sources.mjs'
import { isPacked, packedFolder, packedIndex, ROOT, stampOf } from './packed.mjs'

/** The command line: many commands, each of which reads the parts it needs. */
const COMMANDS = { cloister: 'apps/cli/src/program.ts' }
/**
 * Commands that are typed most, by the file of their action: each is packed once more, with what it alone
 * needs in one file. Parts that commands share hold what any of them needs.
 */
const OFTEN = {
  ps: 'leases/ps.ts',
  status: 'leases/status.ts',
  deploy: 'leases/deploy.ts',
}
const ACTIONS = 'apps/cli/src/commands'
/** Daemons: each reads all of its one file and keeps it, so nothing that only others need may be in there. */
const DAEMONS = {
  network: 'apps/devnet/src/start.ts',
  'set-up': 'apps/devnet/src/set-up.ts',
  chores: 'apps/devnet/src/chores.ts',
  chain: 'apps/devnet/src/chain/main.ts',
  layer1: 'apps/devnet/src/chain/layer1-main.ts',
  layer2: 'apps/devnet/src/chain/layer2-main.ts',
  indexer: 'packages/indexer/src/main.ts',
  'make-database': 'packages/indexer/src/database/make.ts',
  gateway: 'packages/gateway/src/main.ts',
  hub: 'packages/ballots/src/node/main.ts',
  unpack: 'packages/executors/src/oci/unpack-main.ts',
  fill: 'packages/executors/src/volumes/fill-main.ts',
  'read-volume': 'packages/executors/src/volumes/read-main.ts',
}
/** Programs that become images, which a network is begun with: their code, as it is in there. */
const IMAGES = { 'key-service': 'services/key-service/src/server/main.ts' }
/** What packs is a source too. */
const OWN = ['pack', 'image-code', 'late-builtins', 'left-out', 'own-sources'].map(
  (name) => `packages/packed/src/${name}.mjs`,
)
const FOLDER = packedFolder()
const INDEX = packedIndex()
/** Packs of before are kept for programs that still run from them. */
const KEPT = 3

const PLUGINS = [unused, curveAlone, lateBuiltins]
const OPTIONS = {
  absWorkingDir: ROOT,
  bundle: true,
  write: false,
  metafile: true,
  platform: 'node',
  format: 'esm',
  target: 'node24',
  // Node keeps the text of what it runs: without comments it is half as long. Lines stay short, since Node
  // shows the one that failed.
  minifyWhitespace: true,
  lineLimit: 160,
  legalComments: 'none',
  external: LEFT_OUT,
  define: OWN_PATHS,
  banner: { js: REQUIRE },
  logLevel: 'error',
}

if (!isPacked()) await pack()

async function pack() {
  const built = [
    ...(await Promise.all([bundle(COMMANDS, true), bundle(DAEMONS, false), imageCode()])),
    ...(await often()),
  ]
  const outputFiles = built.flatMap((one) => one.outputFiles)
  const outputs = Object.assign({}, ...built.map((one) => one.metafile.outputs))
  const digest = createHash('sha256')
  for (const { path, contents } of outputFiles) digest.update(path).update(contents)
  const name = digest.digest('hex').slice(0, 16)
  const folder = join(FOLDER, name)
  const making = `${folder}.${process.pid}`
  for (const { path, contents } of outputFiles) {
    const target = join(making, relative(FOLDER, path))
    mkdirSync(dirname(target), { recursive: true })
    writeFileSync(target, contents)
  }
  // Without it Node would look into each file for what kind of module it is.
  writeFileSync(join(making, 'package.json'), '{"type":"module"}')
  rmSync(folder, { recursive: true, force: true })
  renameSync(making, folder)
  const sources = new Map()
  const numberOf = (path) => {
    if (!sources.has(path)) sources.set(path, sources.size)
    return sources.get(path)
  }
  const always = ['package-lock.json', ...packageFiles(), ...OWN].map(numberOf)
  const described = (key, program, sources) => [
    key,
    { file: join(name, `${program}.js`), sources: [...always, ...sources.map(numberOf)] },
  ]
  const programs = [
    ...Object.entries({ ...COMMANDS, ...DAEMONS }).map(([program, source]) =>
      described(source, program, ownSources(outputs, firstOf(outputs, source))),
    ),
    ...Object.entries(IMAGES).map(([program, source]) =>
      described(`${source} ${IMAGE}`, program, ownSources(outputs, firstOf(outputs, source))),
    ),
    ...Object.keys(OFTEN).map((command) => {
      const file = relative(ROOT, join(FOLDER, `${command}.js`))
      return described(`${COMMANDS.cloister} ${command}`, command, ownSources(outputs, file))
    }),
  ]
  const index = {
    node: process.version,
    programs: Object.fromEntries(programs),
    sources: [...sources.keys()].map((path) => [path, stampOf(join(ROOT, path))]),
  }
  writeFileSync(`${INDEX}.${process.pid}`, JSON.stringify(index))
  renameSync(`${INDEX}.${process.pid}`, INDEX)
  forget(name)
}

function firstOf(outputs, source) {
  return Object.keys(outputs).find((path) => outputs[path].entryPoint === source)
}

/**
 * The sources of ours that a program is made of, in whichever of its files; `first` is the one it begins
 * with.
 */
function ownSources(outputs, first) {
  const files = new Set([first])
  for (const file of files)
    for (const { path, external } of outputs[file].imports) if (!external) files.add(path)
  const all = new Set([...files].flatMap((file) => Object.keys(outputs[file].inputs)))
  return [...all].filter((path) => !path.includes('node_modules/') && !path.includes(':'))
}

/** Programs as files, not yet written; with `splitting`, what several parts share is in files of its own. */
function bundle(programs, splitting) {
  return build({
    ...OPTIONS,
    entryPoints: programs,
    outdir: FOLDER,
    splitting,
    plugins: [...PLUGINS, changedSources()],
  })
}

/** The code of images, not yet written. */
function imageCode() {
  return build({
    ...IMAGE_OPTIONS,
    absWorkingDir: ROOT,
    metafile: true,
    entryPoints: IMAGES,
    outdir: FOLDER,
    logLevel: 'error',
  })
}

/** A file for each command that is typed often, not yet written. */
async function often() {
  let action
  const otherActions = {
    name: 'other-actions',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^\.\/.*\.ts$/ }, ({ path, kind, importer }) => {
        const from = relative(join(ROOT, ACTIONS), importer)
        const isAction = kind === 'dynamic-import' && !from.startsWith('..') && from.endsWith('/commands.ts')
        return isAction ? { path, namespace: 'other-action' } : undefined
      })
      onLoad({ filter: /.*/, namespace: 'other-action' }, () => ({ contents: '' }))
    },
  }
  // Files are read once for all of them.
  const making = await context({
    ...OPTIONS,
    entryPoints: { often: COMMANDS.cloister },
    outdir: FOLDER,
    plugins: [otherActions, ...PLUGINS, changedSources(() => action)],
  })
  const made = []
  for (const [command, file] of Object.entries(OFTEN)) {
    action = join(ROOT, ACTIONS, file)
    const { outputFiles, metafile } = await making.rebuild()
    const [output] = Object.values(metafile.outputs)
    if (!output.inputs[relative(ROOT, action)]) throw new Error(`no command has the action ${file}`)
    const path = join(FOLDER, `${command}.js`)
    made.push({
      outputFiles: outputFiles.map(({ contents }) => ({ path, contents })),
      metafile: { outputs: { [relative(ROOT, path)]: { ...output, entryPoint: undefined } } },
    })
  }
  await making.dispose()
  return made
}

/** Descriptions of the packages, which say what is imported under their names. */
function packageFiles() {
  const folders = ['packages', 'services', 'apps'].flatMap((group) =>
    readdirSync(join(ROOT, group)).map((name) => join(group, name)),
  )
  return [...folders, 'contracts'].map((folder) => join(folder, 'package.json'))
}

function forget(current) {
  const others = readdirSync(FOLDER)
    .filter((name) => /^[0-9a-f]{16}(\.\d+)?$/.test(name) && name !== current)
    .map((name) => ({ path: join(FOLDER, name), at: statSync(join(FOLDER, name)).mtimeMs }))
    .sort((a, b) => b.at - a.at)
  for (const { path } of others.slice(KEPT)) rmSync(path, { recursive: true, force: true })
}
