// Tries ops/ with Docker, as root on a machine that reaches no registry: `npm run try-ops`. Base images are
// made of this machine's own Node, PostgreSQL and programs; everything else is as in production. It builds
// the images, brings up ops/compose.yaml and ops/compose.agent.yaml beside a development chain, looks at
// health, readiness, metrics and TLS, deploys nothing, and stops all of it. About a minute and a half.
import { execFile, execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { get } from 'node:https'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { enrolWorker, loadAgentConfig, loadWorkerKey } from '@cloister/agent'
import { startDevelopmentChain } from '@cloister/development/chain'
import { startDocker } from '@cloister/development/engines'
import { postgresPrograms } from '@cloister/development/postgres'
import { readExposition } from '../e2e/exposition.ts'
import { growTree, importTree } from './local-images.ts'

const OPS = import.meta.dirname
const ROOT = join(OPS, '..')
const HTTPS_PORT = 18_443
/** The bridge's address on this machine, as `startDocker` sets it: containers reach the chain there. */
const BRIDGE = '172.31.251.1'
const FILES = ['compose.yaml', 'compose.agent.yaml']
const PATIENCE_MS = 90_000

const folder = mkdtempSync(join(tmpdir(), 'cloister-ops-'))
const began = Date.now()
const say = (text: string) =>
  console.log(`${((Date.now() - began) / 1000).toFixed(1).padStart(6)} s  ${text}`)
const engine = await startDocker()
const environment: NodeJS.ProcessEnv = {
  ...process.env,
  DOCKER_HOST: `unix://${engine.socketPath}`,
  DOCKER_BUILDKIT: '0',
  COMPOSE_DOCKER_CLI_BUILD: '0',
}
// Not at a stretch: meanwhile this process leads containers to the chain.
const run = async (program: string, words: string[]) =>
  (await promisify(execFile)(program, words, { cwd: ROOT, env: environment, maxBuffer: 2 ** 26 })).stdout
const docker = (words: string[]) => run('docker', words)
const composer =
  spawnSync('docker', ['compose', 'version']).status === 0 ? ['docker', 'compose'] : ['docker-compose']
/** A project for each file, so that neither takes the other's for its own. */
const called = (file: string, words: string[]): [string, string[]] => [
  composer[0] ?? '',
  [...composer.slice(1), '-p', file.replaceAll('.', '-'), '-f', join(OPS, file), ...words],
]
const compose = (file: string, words: string[]) => run(...called(file, words))
const chain = await startDevelopmentChain()

try {
  say(`an engine and a chain run; composing with ${composer.join(' ')}`)
  await makeBase()
  await makePostgres()
  say('base images are made of what this machine has')
  await run(process.execPath, ['--disable-warning=ExperimentalWarning', 'scripts/publish/images-main.ts'])
  await describe()
  await compose('compose.yaml', ['up', '-d', '--build', 'postgres', 'indexer', 'gateway'])
  say('compose.yaml is up')
  for (const service of ['postgres', 'indexer', 'gateway']) await healthy('compose.yaml', service)
  const block = await metric('compose.yaml', 'indexer', 9402, 'cloister_indexer_block')
  say(`the index is ready at block ${block}, the gateway asks it`)
  await metric('compose.yaml', 'gateway', 9401, 'cloister_gateway_open_streams{kind="request"}')
  const page = await ask(`${'ab'.repeat(8)}-web.example.com`)
  if (page !== 404) throw new Error(`The gateway answered ${page} over TLS, where there is no lease.`)
  say('the gateway answers over TLS')
  await raiseAgent()
  await stopAll()
} catch (error) {
  console.error(String((error as { stderr?: string }).stderr ?? error).slice(-2_000))
  for (const file of FILES) console.error(await compose(file, ['logs', '--tail', '15']).catch(() => ''))
  process.exitCode = 1
} finally {
  for (const file of FILES) {
    try {
      await compose(file, ['down', '--volumes', '--timeout', '5'])
    } catch {
      // It never was up.
    }
  }
  await chain.stop()
  await engine.stop()
  rmSync(folder, { recursive: true, force: true })
}
if (!process.exitCode) say('all of it was tried')
process.exit()

/** Node, a shell, and what the agent asks for. */
async function makeBase(): Promise<void> {
  const tree = growTree(join(folder, 'base'))
  tree.add(process.execPath, '/usr/bin/node')
  tree.add('/usr/bin/busybox', '/usr/bin/busybox')
  for (const name of ['sh', 'cat', 'ls', 'env', 'id', 'sleep', 'mkdir', 'chown'])
    cpSync('/usr/bin/busybox', join(tree.folder, 'usr/bin', name), { dereference: true })
  for (const name of ['nft', 'ip', 'perl']) tree.add((await run('which', [name])).trim(), `/usr/bin/${name}`)
  for (const path of ['/usr/share/perl', '/usr/lib/x86_64-linux-gnu/perl-base'])
    cpSync(path, join(tree.folder, path), { recursive: true })
  await importTree(docker, tree, 'cloister-try-base')
}

/** PostgreSQL as the usual image behaves: it makes a database of what the environment says. */
async function makePostgres(): Promise<void> {
  const programs = postgresPrograms()
  if (programs === undefined) throw new Error('This machine has no PostgreSQL to make an image of.')
  const tree = growTree(join(folder, 'postgres'))
  tree.add('/usr/bin/busybox', '/usr/bin/busybox')
  for (const name of ['sh', 'chown', 'mkdir', 'su', 'cat', 'test'])
    cpSync('/usr/bin/busybox', join(tree.folder, 'usr/bin', name), { dereference: true })
  for (const name of ['postgres', 'initdb', 'psql', 'pg_isready', 'pg_ctl'])
    tree.add(join(programs, name), `${programs}/${name}`)
  cpSync(join(programs, '../lib'), join(tree.folder, programs, '../lib'), { recursive: true })
  const version = programs.split('/').at(-2) ?? ''
  cpSync(`/usr/share/postgresql/${version}`, join(tree.folder, `usr/share/postgresql/${version}`), {
    recursive: true,
  })
  writeFileSync(
    join(tree.folder, 'usr/bin/entry'),
    `#!/bin/sh -e
data=/var/lib/postgresql/data
mkdir -p $data && chown -R postgres $data && mkdir -p /run/postgresql && chown postgres /run/postgresql
if [ ! -s $data/PG_VERSION ]; then
  echo "$POSTGRES_PASSWORD" > /tmp/password && chown postgres /tmp/password
  su postgres -c "${programs}/initdb -D $data -U $POSTGRES_USER --pwfile=/tmp/password --auth=scram-sha-256 --auth-local=trust --no-locale -E UTF8" > /dev/null
  echo "create database \\"$POSTGRES_DB\\"" | su postgres -c "${programs}/postgres --single -D $data -j postgres" > /dev/null
  echo 'host all all all scram-sha-256' >> $data/pg_hba.conf
fi
exec su postgres -c "exec ${programs}/postgres -D $data -h '*'"
`,
    { mode: 0o755 },
  )
  await importTree(docker, tree, 'cloister-try-postgres-tree')
  const built = join(folder, 'postgres-image')
  mkdirSync(built)
  writeFileSync(
    join(built, 'Dockerfile'),
    `FROM cloister-try-postgres-tree\nENV PATH=/usr/bin:${programs}\nSTOPSIGNAL SIGINT\nENTRYPOINT ["/usr/bin/entry"]\n`,
  )
  await docker(['build', '-q', '-t', 'cloister-try-postgres', built])
}

/** What an operator writes before anything is brought up. */
async function describe(): Promise<void> {
  const tls = join(folder, 'tls')
  mkdirSync(tls)
  const [key, cert] = [join(tls, 'key.pem'), join(tls, 'cert.pem')]
  const words = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1']
  await run('openssl', ['req', ...words, '-subj', '/CN=*.example.com', '-keyout', key, '-out', cert])
  execFileSync('chown', ['10001:10001', key])
  chmodSync(folder, 0o755)
  const { port } = new URL(chain.network.rpcUrl)
  const forward = createServer((socket) => {
    const onward = connect(Number(port), '127.0.0.1')
    socket.on('error', () => onward.destroy()).on('close', () => onward.destroy())
    onward.on('error', () => socket.destroy()).on('close', () => socket.destroy())
    socket.pipe(onward).pipe(socket)
  })
  forward.listen(Number(port), BRIDGE).unref()
  const { wsUrl: _, ...network } = chain.network
  const rpcUrl = `http://host.docker.internal:${port}`
  writeFileSync(join(folder, 'network.json'), JSON.stringify({ ...network, rpcUrl }))
  Object.assign(environment, {
    BASE: 'cloister-try-base',
    PACKAGES: '',
    POSTGRES_IMAGE: 'cloister-try-postgres',
    POSTGRES_PASSWORD: 'a-password',
    NETWORK_FILE: join(folder, 'network.json'),
    TLS_FOLDER: tls,
    DOMAIN: 'example.com',
    HTTPS_PORT: String(HTTPS_PORT),
  })
}

async function healthy(file: string, service: string): Promise<void> {
  const end = Date.now() + PATIENCE_MS
  for (;;) {
    const id = (await compose(file, ['ps', '-q', service])).trim()
    const state = (await docker(['inspect', '-f', '{{.State.Status}} {{.State.Health.Status}}', id])).trim()
    if (state === 'running healthy') return
    if (Date.now() > end || state.startsWith('exited'))
      throw new Error(`${service} is ${state}:\n${await compose(file, ['logs', '--tail', '40', service])}`)
    await delay(500)
  }
}

/** A sample of a scrape, which has to be one through and through. */
async function metric(file: string, service: string, port: number, name: string): Promise<number> {
  const id = (await compose(file, ['ps', '-q', service])).trim()
  const script = `fetch('http://127.0.0.1:${port}/metrics').then((r) => r.text()).then((t) => process.stdout.write(t))`
  const text = await docker(['exec', id, 'node', '-e', script])
  readExposition(text)
  const line = text.split('\n').find((one) => one.startsWith(`${name} `))
  if (line === undefined) throw new Error(`${service} has no ${name}.`)
  return Number(line.slice(name.length))
}

function ask(host: string): Promise<number | undefined> {
  return new Promise((done, fail) => {
    const options = { host: '127.0.0.1', port: HTTPS_PORT, headers: { host }, rejectUnauthorized: false }
    get(options, (response) => {
      response.resume()
      done(response.statusCode)
    }).on('error', fail)
  })
}

/** A worker in a container, on the same engine that its leases would run on. */
async function raiseAgent(): Promise<void> {
  const state = join(folder, 'worker')
  mkdirSync(state)
  chain.root.save(join(state, 'attestation'))
  writeFileSync(join(state, 'network.json'), JSON.stringify(chain.network))
  const config = {
    name: 'tried',
    network: 'network.json',
    folder: 'own',
    listen: { host: '127.0.0.1', port: 17_070 },
    endpoint: 'http://127.0.0.1:17070',
    capacity: { cpus: 1, memory: '512MiB', disk: '1GiB' },
    executor: { engine: 'docker', socket: '/var/run/docker.sock' },
    evidence: { source: 'development', rootFolder: 'attestation' },
  }
  writeFileSync(join(state, 'provider.yaml'), JSON.stringify(config))
  const read = loadAgentConfig(join(state, 'provider.yaml'))
  await enrolWorker(chain.wallet(1), loadWorkerKey(read.folder), read)
  const { DockerRootDir } = JSON.parse(await docker(['info', '-f', '{{json .}}']))
  Object.assign(environment, {
    STATE_FOLDER: state,
    // This machine has no evidence but a simulated one.
    EVIDENCE_FOLDER: join(state, 'attestation'),
    DOCKER_SOCKET: engine.socketPath,
    DOCKER_FOLDER: DockerRootDir,
  })
  await compose('compose.agent.yaml', ['up', '-d', '--build'])
  await healthy('compose.agent.yaml', 'agent')
  const left = await metric('compose.agent.yaml', 'agent', 9403, 'cloister_agent_attestation_expiry_seconds')
  say(`the agent is ready, attested for ${Math.round(left)} more seconds`)
}

/** SIGTERM to each, and an orderly end within its bound. */
async function stopAll(): Promise<void> {
  const services = [
    ['compose.yaml', 'gateway'],
    ['compose.agent.yaml', 'agent'],
    ['compose.yaml', 'indexer'],
  ] as const
  for (const [file, service] of services) {
    const id = (await compose(file, ['ps', '-q', service])).trim()
    const from = Date.now()
    await compose(file, ['stop', service])
    const code = (await docker(['inspect', '-f', '{{.State.ExitCode}}', id])).trim()
    if (code !== '0')
      throw new Error(`${service} ended with ${code}:\n${await compose(file, ['logs', service])}`)
    say(`${service} stopped in order, in ${((Date.now() - from) / 1000).toFixed(1)} s`)
  }
}
