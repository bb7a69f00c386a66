import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { get } from 'node:https'
import { join } from 'node:path'
import { freePort, until } from './embedded.ts'

const SEARCH = (process.env['PATH'] ?? '').split(':')

/** Whether this machine has pebble, Let's Encrypt's authority for tests (Debian's package of that name). */
export const hasAuthority = SEARCH.some((folder) => existsSync(join(folder, 'pebble')))

/** An authority that certifies names which lead to this machine. */
export interface TestAuthority {
  directory: string
  /** What it is trusted by when it is spoken to: a file, PEM. */
  roots: string
  /** What its certificates are to be trusted by, PEM. */
  issuer(): Promise<string>
  /** Goes away, or comes back with all it knew forgotten. */
  stop(): Promise<void>
  start(): Promise<void>
}

/**
 * Starts pebble: a real ACME server that fetches what it asks for. It resolves names at `nameServer`, and
 * asks over HTTP at `httpPort`. `validSeconds`: how long its certificates last.
 */
export async function startAuthority(
  folder: string,
  {
    nameServer,
    httpPort,
    validSeconds = 90 * 86_400,
  }: { nameServer: number; httpPort: number; validSeconds?: number },
): Promise<TestAuthority> {
  mkdirSync(folder, { recursive: true })
  const [key, cert, config] = ['key.pem', 'cert.pem', 'pebble.json'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ]
  const how = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  const names = ['-subj', '/CN=pebble', '-addext', 'subjectAltName=IP:127.0.0.1']
  execFileSync('openssl', ['req', '-x509', ...how, ...names, '-keyout', key, '-out', cert], {
    stdio: 'ignore',
  })
  const [port, management] = [await freePort(), await freePort()]
  const settings = {
    listenAddress: `127.0.0.1:${port}`,
    managementListenAddress: `127.0.0.1:${management}`,
    certificate: cert,
    privateKey: key,
    httpPort,
    tlsPort: 5001,
    ocspResponderURL: '',
    externalAccountBindingRequired: false,
    certificateValidityPeriod: validSeconds,
  }
  writeFileSync(config, JSON.stringify({ pebble: settings }))
  const directory = `https://127.0.0.1:${port}/dir`
  const read = (url: string) =>
    new Promise<string>((done, reject) => {
      get(url, { rejectUnauthorized: false }, (answer) => {
        let text = ''
        answer.on('data', (chunk) => (text += chunk))
        answer.on('end', () => done(text))
      }).on('error', reject)
    })
  const issuer = () => read(`https://127.0.0.1:${management}/roots/0`)
  let child: ChildProcess | undefined
  let said = ''
  const start = async () => {
    const own = spawn('pebble', ['-config', config, '-dnsserver', `127.0.0.1:${nameServer}`, '-strict'], {
      // No waits before it asks, and a challenge for every certificate: by itself it spares half of them.
      env: { ...process.env, PEBBLE_VA_NOSLEEP: '1', PEBBLE_AUTHZREUSE: '0' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    child = own
    for (const stream of [own.stdout, own.stderr]) stream.on('data', (chunk) => (said += chunk))
    await until('the authority listens', async () => {
      if (own.exitCode !== null) throw new Error(said)
      // It opens one port after the other.
      return (await issuer()) && read(directory)
    })
  }
  const stop = async () => {
    const own = child
    if (!own || own.exitCode !== null) return
    const ended = new Promise((done) => own.once('exit', done))
    own.kill('SIGKILL')
    await ended
  }
  await start()
  return {
    directory,
    roots: cert,
    issuer,
    stop,
    start,
  }
}
