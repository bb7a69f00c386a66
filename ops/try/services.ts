import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { get } from 'node:https'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import type { Stage } from './stage.ts'

const FILE = 'compose.yaml'
const HTTPS_PORT = 18_443
/** The bridge's address on this machine, as `startDocker` sets it: containers reach the chain there. */
const BRIDGE = '172.31.251.1'

/** PostgreSQL, index and gateway of `compose.yaml`: health, metrics and TLS. */
export async function tryServices(stage: Stage): Promise<void> {
  await describe(stage)
  await stage.compose(FILE, ['up', '-d', '--build', 'postgres', 'indexer', 'gateway'])
  stage.say('compose.yaml is up')
  for (const service of ['postgres', 'indexer', 'gateway']) await stage.healthy(FILE, service)
  const block = await stage.metric(FILE, 'indexer', 9402, 'cloister_indexer_block')
  stage.say(`the index is ready at block ${block}, the gateway asks it`)
  await stage.metric(FILE, 'gateway', 9401, 'cloister_gateway_open_streams{kind="request"}')
  const page = await ask(`${'ab'.repeat(8)}-web.example.com`)
  if (page !== 404) throw new Error(`The gateway answered ${page} over TLS, where there is no lease.`)
  stage.say('the gateway answers over TLS')
}

/** SIGTERM to gateway and index, in this order. */
export async function stopServices(stage: Stage): Promise<void> {
  for (const service of ['gateway', 'indexer']) await stage.stopInOrder(FILE, service)
}

/** What an operator writes before anything is brought up. */
async function describe({ folder, run, chain, environment }: Stage): Promise<void> {
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

function ask(host: string): Promise<number | undefined> {
  return new Promise((done, fail) => {
    const options = { host: '127.0.0.1', port: HTTPS_PORT, headers: { host }, rejectUnauthorized: false }
    get(options, (response) => {
      response.resume()
      done(response.statusCode)
    }).on('error', fail)
  })
}
