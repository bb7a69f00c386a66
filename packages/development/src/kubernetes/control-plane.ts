import { type ChildProcess, spawn } from 'node:child_process'
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { closeSync, openSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:https'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { kubernetesFolder } from './programs.ts'

/** A control plane of a test's own: the real API server, controllers, scheduler and store. */
export interface ControlPlane {
  /** A kubeconfig file of somebody who may do everything. */
  kubeconfig: string
  /**
   * Writes a kubeconfig file for whoever has a token; those made here by name, or one of a service account.
   */
  kubeconfigFor(name: string, token?: string): Promise<string>
  /** Asks the API server as its administrator. Throws with its answer. */
  ask<T>(method: string, path: string, body?: object, type?: string): Promise<T>
  /** The same as somebody that `kubeconfigFor` knows. */
  askAs<T>(name: string, method: string, path: string, body?: object, type?: string): Promise<T>
  /** Kills the API server and starts it again. */
  restartApiServer(): Promise<void>
  /** Starts one of Kubernetes' programs, which ends with the control plane. */
  run(program: string, args: readonly string[]): ChildProcess
  /** What a program has printed last. */
  printed(program: string): Promise<string>
  stop(): Promise<void>
}

const READY_TRIES = 600

/** Users of the control plane, and their groups. */
const USERS: Record<string, { user: string; groups: string }> = {
  admin: { user: 'admin', groups: 'system:masters' },
  controllers: { user: 'system:kube-controller-manager', groups: 'system:authenticated' },
  scheduler: { user: 'system:kube-scheduler', groups: 'system:authenticated' },
  'node-1': { user: 'system:node:node-1', groups: 'system:nodes' },
  'node-2': { user: 'system:node:node-2', groups: 'system:nodes' },
}

/** Starts a control plane that keeps all it has below `folder`, on ports of its own. */
export async function startControlPlane(folder: string): Promise<ControlPlane> {
  await mkdir(join(folder, 'certificates'), { recursive: true })
  const [etcdPort, peerPort, apiPort] = await Promise.all([freePort(), freePort(), freePort()])
  const server = `https://127.0.0.1:${apiPort}`
  const children: ChildProcess[] = []
  const run = (program: string, args: readonly string[]) => {
    const log = openSync(join(folder, `${program}.log`), 'a')
    const child = spawn(join(kubernetesFolder(), program), args, { stdio: ['ignore', log, log], cwd: folder })
    closeSync(log)
    children.push(child)
    return child
  }
  const etcd = `http://127.0.0.1:${etcdPort}`
  const peer = `http://127.0.0.1:${peerPort}`
  run('etcd', [
    `--data-dir=${join(folder, 'etcd')}`,
    `--listen-client-urls=${etcd}`,
    `--advertise-client-urls=${etcd}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=default=${peer}`,
  ])
  const tokens = Object.fromEntries(Object.keys(USERS).map((name) => [name, randomBytes(16).toString('hex')]))
  const users = Object.entries(USERS).map(
    ([name, { user, groups }]) => `${tokens[name]},${user},${name},"${groups}"`,
  )
  const tokenFile = join(folder, 'tokens.csv')
  await writeFile(tokenFile, `${users.join('\n')}\n`, { mode: 0o600 })
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const accountKey = join(folder, 'accounts.pem')
  await writeFile(accountKey, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
  const startServer = () =>
    run('kube-apiserver', [
      `--etcd-servers=${etcd}`,
      '--bind-address=127.0.0.1',
      '--advertise-address=127.0.0.1',
      `--secure-port=${apiPort}`,
      `--cert-dir=${join(folder, 'certificates')}`,
      `--token-auth-file=${tokenFile}`,
      '--anonymous-auth=false',
      '--authorization-mode=Node,RBAC',
      '--enable-admission-plugins=NodeRestriction',
      '--allow-privileged=false',
      '--service-cluster-ip-range=10.245.0.0/16',
      `--service-account-key-file=${accountKey}`,
      `--service-account-signing-key-file=${accountKey}`,
      '--service-account-issuer=https://kubernetes.default.svc',
      '--kubelet-preferred-address-types=InternalIP',
      '--endpoint-reconciler-type=none',
      '--profiling=false',
    ])
  let api = startServer()
  const authority = join(folder, 'certificates', 'apiserver.crt')
  const kubeconfigFor = async (name: string, token = tokens[name]) => {
    const path = join(folder, `${name}.kubeconfig`)
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'test', cluster: { server, 'certificate-authority': authority } }],
      users: [{ name, user: { token } }],
      contexts: [{ name: 'test', context: { cluster: 'test', user: name } }],
      'current-context': 'test',
    }
    await writeFile(path, JSON.stringify(config), { mode: 0o600 })
    return path
  }
  const askAs: ControlPlane['askAs'] = async (name, method, path, body, type = 'application/json') => {
    const ca = await readFile(authority)
    return await new Promise((resolve, reject) => {
      const headers = { authorization: `Bearer ${tokens[name]}`, 'content-type': type }
      const asked = request(`${server}${path}`, { method, ca, headers }, (response) => {
        let text = ''
        response.on('data', (chunk) => (text += chunk)).on('error', reject)
        response.on('end', () => {
          if ((response.statusCode ?? 500) >= 300) reject(new Error(`${method} ${path}: ${text}`))
          else resolve(text.startsWith('{') ? JSON.parse(text) : text)
        })
      })
      asked.on('error', reject)
      asked.end(body && JSON.stringify(body))
    })
  }
  const ask: ControlPlane['ask'] = (...asked) => askAs('admin', ...asked)
  const untilReady = async () => {
    for (let tries = 0; ; tries++) {
      if (await ask('GET', '/readyz').catch(() => undefined)) return
      if (tries > READY_TRIES || api.exitCode !== null)
        throw new Error(`the control plane in ${folder} does not start`)
      await delay(100)
    }
  }
  const restartApiServer = async () => {
    await end(api)
    api = startServer()
    await untilReady()
  }
  const stop = async () => {
    for (const child of children.reverse()) await end(child)
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  }
  try {
    await untilReady()
    run('kube-controller-manager', [
      `--kubeconfig=${await kubeconfigFor('controllers')}`,
      '--use-service-account-credentials',
      `--service-account-private-key-file=${accountKey}`,
      `--root-ca-file=${authority}`,
      '--leader-elect=false',
      '--port=0',
      '--secure-port=0',
      '--node-monitor-period=1s',
      '--node-monitor-grace-period=20s',
    ])
    run('kube-scheduler', [
      `--kubeconfig=${await kubeconfigFor('scheduler')}`,
      '--leader-elect=false',
      '--port=0',
      '--secure-port=0',
    ])
    const printed = async (program: string) =>
      (await readFile(join(folder, `${program}.log`), 'utf8').catch(() => '')).slice(-8_000)
    return {
      kubeconfig: await kubeconfigFor('admin'),
      kubeconfigFor,
      ask,
      askAs,
      restartApiServer,
      run,
      printed,
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/** A port that nobody has at the moment. */
export function freePort(): Promise<number> {
  return new Promise((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => done(typeof address === 'object' && address ? address.port : 0))
    })
  })
}

/** Kills a program and waits until it has ended. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await ended
}
