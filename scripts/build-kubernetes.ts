// Builds Debian's Kubernetes control plane for `npm run try-kubernetes`, offline but for Debian's packages:
// the source package `kubernetes`, compiled with Debian's Go and the modules that the source brings, and
// Debian's etcd. Nothing is installed: packages are unpacked into a folder of the cache. Takes about eight
// minutes of two cores, once.
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import {
  KUBERNETES_PROGRAMS,
  KUBERNETES_VERSION,
  kubernetesFolder,
} from '../packages/development/src/kubernetes/programs.ts'

const SOURCE = 'kubernetes'
const TOOLS = ['golang-1.19-go', 'golang-1.19-src', 'etcd-server']
const SOURCES = '/etc/apt/sources.list.d/debian.sources'

const folder = kubernetesFolder()
const work = `${folder}.building`

if (KUBERNETES_PROGRAMS.every((program) => existsSync(join(folder, program)))) console.log(folder)
else await build()

async function build(): Promise<void> {
  await rm(work, { recursive: true, force: true })
  await mkdir(join(work, 'bin'), { recursive: true })
  const apt = await prepareApt()
  console.log('Debian packages of the compiler and of etcd')
  await run('apt-get', [...apt, 'download', '-q', ...TOOLS], work)
  for (const name of await readdir(work))
    if (name.endsWith('.deb')) await run('dpkg-deb', ['-x', name, 'tools'], work)
  console.log(`source of Kubernetes ${KUBERNETES_VERSION}`)
  await run('apt-get', [...apt, 'source', '-q', '--download-only', SOURCE], work)
  // Debian went back a version once: `1.20.5+really1.20.2-1.1`.
  const description = (await readdir(work)).find((name) => name.endsWith('.dsc'))
  if (!new RegExp(`[_y]${KUBERNETES_VERSION.replaceAll('.', '\\.')}-`).test(description ?? ''))
    throw new Error(`Debian has ${description}, not ${KUBERNETES_VERSION}. Build on Debian 12 (bookworm).`)
  const source = join(work, 'go-path/src/k8s.io/kubernetes')
  await mkdir(join(source, '..'), { recursive: true })
  await run('dpkg-source', ['--no-check', '-x', description ?? '', source], work)
  await compile(source)
  await cp(join(work, 'tools/usr/bin/etcd'), join(work, 'bin/etcd'))
  await rm(folder, { recursive: true, force: true })
  await rename(join(work, 'bin'), folder)
  await rm(work, { recursive: true, force: true })
  console.log(folder)
}

/** Settings with which apt finds sources where this machine's packages come from, in folders of its own. */
async function prepareApt(): Promise<string[]> {
  const lists = join(work, 'lists')
  await mkdir(join(lists, 'partial'), { recursive: true })
  const binary = await readFile(SOURCES, 'utf8')
  await writeFile(join(work, 'apt.sources'), binary.replace(/^Types:.*$/gm, 'Types: deb deb-src'))
  const apt = [
    `-oDir::Etc::sourcelist=${join(work, 'apt.sources')}`,
    '-oDir::Etc::sourceparts=-',
    `-oDir::State::lists=${lists}`,
    `-oDir::Cache::pkgcache=`,
    `-oDir::Cache::srcpkgcache=`,
    '-oAPT::Sandbox::User=root',
  ]
  await run('apt-get', [...apt, 'update', '-q'], work)
  return apt
}

/** By the source's own scripts. One file has to be generated; the rest of such code is in the source. */
async function compile(source: string): Promise<void> {
  const go = join(work, 'tools/usr/lib/go-1.19')
  const [major, minor] = KUBERNETES_VERSION.split('.')
  const version = join(work, 'version')
  await writeFile(
    version,
    [
      "KUBE_GIT_COMMIT='debian'",
      "KUBE_GIT_TREE_STATE='archive'",
      `KUBE_GIT_VERSION='v${KUBERNETES_VERSION}'`,
      `KUBE_GIT_MAJOR='${major}'`,
      `KUBE_GIT_MINOR='${minor}'`,
    ].join('\n'),
  )
  const env = {
    PATH: `${join(go, 'bin')}:${process.env['PATH']}`,
    HOME: work,
    // Make goes by it to find that it is in GOPATH.
    PWD: source,
    GOROOT: go,
    GOCACHE: join(work, 'go-cache'),
    GOPATH: join(work, 'go-path'),
    GOPROXY: 'off',
    GO111MODULE: 'off',
    CGO_ENABLED: '0',
    // Without what drives the machines of four cloud providers: half of the time.
    GOFLAGS: '-tags=providerless',
    KUBE_GIT_VERSION_FILE: version,
  }
  const programs = KUBERNETES_PROGRAMS.filter((name) => name.startsWith('kube'))
  console.log(`compiling ${programs.join(', ')}`)
  await run('make', ['gen_openapi'], source, env)
  const commands = programs.map((name) => `cmd/${name}`)
  await run(join(source, 'hack/make-rules/build.sh'), commands, source, env)
  for (const name of programs)
    await cp(join(source, '_output/local/bin/linux/amd64', name), join(work, 'bin', name))
}

async function run(
  program: string,
  args: string[],
  cwd: string,
  env?: Record<string, string>,
): Promise<void> {
  await promisify(execFile)(program, args, {
    cwd,
    env: env ?? { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    maxBuffer: 64 << 20,
  })
}
