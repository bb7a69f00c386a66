import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { bundleCommand } from './command.ts'
import { type Reach, reachOf } from './reach.ts'
import { type Member, ROOT, readWorkspace } from './workspace.ts'

/** What people install; what it needs of ours is published with it. */
const WANTED = ['@cloister/core', '@cloister/attest', '@cloister/verify', '@cloister/sdk']
const COMMAND = 'cloister'
const TSC = join(ROOT, 'node_modules/.bin/tsc')

export interface Built {
  name: string
  tarball: string
}

/**
 * Builds every package that is published into `folder`: JavaScript modules and their types, packed by npm. A
 * package without a README is refused.
 */
export async function buildPackages(folder: string): Promise<Built[]> {
  const workspace = readWorkspace()
  const work = mkdtempSync(join(tmpdir(), 'cloister-packages-'))
  try {
    const emitted = join(work, 'emitted')
    emit(namedBy(workspace, WANTED), emitted)
    mkdirSync(folder, { recursive: true })
    const wanted = new Set(WANTED)
    // What one needs of ours joins the set while it is gone through.
    for (const name of wanted) {
      const member = workspace.get(name)
      if (!member) throw new Error(`There is no package ${name}.`)
      const reach = reachOf(member, join(emitted, member.folder))
      for (const needed of Object.keys(reach.dependencies)) if (workspace.has(needed)) wanted.add(needed)
      assemble(member, reach, join(emitted, member.folder), join(work, name))
    }
    const command = await assembleCommand(workspace, work)
    return pack(
      [...wanted, command].map((name) => join(work, name)),
      folder,
    )
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** Packages by name, and all of ours that they name as dependencies, and so on. */
function namedBy(workspace: Map<string, Member>, names: readonly string[]): Member[] {
  const found = new Set(names)
  for (const name of found)
    for (const needed of Object.keys(workspace.get(name)?.description.dependencies ?? {}))
      if (workspace.has(needed)) found.add(needed)
  return [...found].flatMap((name) => workspace.get(name) ?? [])
}

/** Compiles the packages' sources, all at once: each imports the others' sources. */
function emit(members: Member[], outDir: string): void {
  const config = join(ROOT, `tsconfig.publish.${process.pid}.json`)
  writeFileSync(
    config,
    JSON.stringify({
      extends: './tsconfig.json',
      compilerOptions: {
        noEmit: false,
        incremental: false,
        declaration: true,
        // `npm run check` has looked at the types.
        noCheck: true,
        rewriteRelativeImportExtensions: true,
        rootDir: '.',
        outDir,
      },
      include: members.map(({ folder }) => `${folder}/src`),
      exclude: ['**/*.test.ts', '**/testing/**'],
    }),
  )
  try {
    execFileSync(TSC, ['-p', config], { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] })
  } finally {
    rmSync(config)
  }
}

/** The command line's folder as npm packs it; returns its name below `work`. */
async function assembleCommand(workspace: Map<string, Member>, work: string): Promise<string> {
  const command = workspace.get(COMMAND)
  if (command === undefined) throw new Error(`There is no package ${COMMAND}.`)
  const made = join(work, COMMAND)
  const dependencies = await bundleCommand(workspace, made)
  const readme = addTexts(command.folder, made)
  const { version } = command.description
  const bin = { [COMMAND]: 'dist/main.js' }
  write(made, { name: COMMAND, version, ...common(readme), bin, files: ['dist'], dependencies })
  return COMMAND
}

/** A package's folder as npm packs it. */
function assemble({ folder, description }: Member, reach: Reach, emitted: string, made: string): void {
  for (const path of reach.files) {
    const target = join(made, path.replace(/^src/, 'dist'))
    mkdirSync(dirname(target), { recursive: true })
    cpSync(join(emitted, path), target)
  }
  const readme = addTexts(folder, made)
  const { name, version, sideEffects } = description
  const { doors, imports, dependencies } = reach
  write(made, {
    name,
    version,
    ...common(readme),
    sideEffects,
    exports: doors,
    ...(imports && { imports }),
    files: ['dist'],
    dependencies,
  })
}

/** Adds what people read; returns the README. */
function addTexts(folder: string, made: string): string {
  const readme = join(ROOT, folder, 'README.md')
  if (!existsSync(readme)) throw new Error(`${folder} is published and has no README.md.`)
  cpSync(readme, join(made, 'README.md'))
  cpSync(join(ROOT, 'LICENSE'), join(made, 'LICENSE'))
  return readFileSync(readme, 'utf8')
}

function write(made: string, description: object): void {
  writeFileSync(join(made, 'package.json'), `${JSON.stringify(description, null, 2)}\n`)
}

/** What all published packages say of themselves; \`provenance\`: npm signs where they were built. */
function common(readme: string): object {
  const [, summary = ''] = readme.split('\n\n')
  return {
    description: summary.replaceAll('\n', ' ').trim(),
    license: 'Apache-2.0',
    type: 'module',
    engines: { node: '>=20' },
    publishConfig: { access: 'public', provenance: true },
  }
}

/** Packs folders into tarballs in `target`, all in one run of npm. */
function pack(folders: string[], target: string): Built[] {
  const options = ['--json', '--pack-destination', target, '--ignore-scripts']
  const output = execFileSync('npm', ['pack', ...options, ...folders], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const packed = JSON.parse(output) as { name: string; filename: string }[]
  return packed.map(({ name, filename }) => ({ name, tarball: join(target, filename) }))
}
