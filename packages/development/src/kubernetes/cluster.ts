import { mkdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { type Registry, startDocker, startRegistry, type TestEngine } from '../engines/index.ts'
import { type ControlPlane, startControlPlane } from './control-plane.ts'
import { startFakeProvisioner } from './fake-provisioner.ts'
import { startKubelet, type TestNode } from './kubelet.ts'
import { writeRuntime } from './runtime.ts'

/** A cluster of one machine, set up for a worker by what `ops/kubernetes` has. */
export interface TestCluster {
  control: ControlPlane
  engine: TestEngine
  /** What its machine pulls from. */
  registry: Registry
  node: TestNode
  /** A kubeconfig file with the rights that a worker has in production, and no others. */
  agentConfig: string
  /** Starts the kubelet of its machine, `node-1`, once more. */
  startNode(): Promise<void>
  stop(): Promise<void>
}

const OPS = resolve(import.meta.dirname, '../../../../ops/kubernetes')

/**
 * Starts one that keeps all it has below `folder`. `preparePause` brings an image that does nothing to the
 * engine behind a socket, and gives its name.
 */
export async function startCluster(
  folder: string,
  preparePause: (socketPath: string) => Promise<string>,
): Promise<TestCluster> {
  await mkdir(folder, { recursive: true })
  const ends: (() => Promise<void>)[] = []
  const stop = async () => {
    for (const end of ends.splice(0).reverse()) await end()
  }
  try {
    const control = await startControlPlane(join(folder, 'control'))
    ends.push(control.stop)
    const registry = await startRegistry(folder)
    ends.push(registry.stop)
    const engine = await startDocker({ runtime: await writeRuntime(folder) })
    ends.push(engine.stop)
    const { socketPath } = engine
    const pauseImage = await preparePause(socketPath)
    const start = () =>
      startKubelet(control, { name: 'node-1', socketPath, pauseImage, folder: join(folder, 'node') })
    const cluster: TestCluster = {
      control,
      engine,
      registry,
      node: await start(),
      agentConfig: '',
      startNode: async () => {
        cluster.node = await start()
      },
      stop,
    }
    ends.push(() => cluster.node.stop())
    ends.push(startFakeProvisioner(control, join(folder, 'volumes')).stop)
    for (const file of ['namespace.yaml', 'roles.yaml']) await applyOps(control, file)
    const account = '/api/v1/namespaces/cloister/serviceaccounts/agent/token'
    const { status } = await control.ask<{ status: { token: string } }>('POST', account, { spec: {} })
    cluster.agentConfig = await control.kubeconfigFor('agent', status.token)
    return cluster
  } catch (error) {
    await stop()
    throw error
  }
}

/** Makes what a file of ops/kubernetes has; with `isTried` the API server only looks at it. */
export async function applyOps(control: ControlPlane, file: string, isTried = false): Promise<void> {
  for (const document of parseAllDocuments(await readFile(join(OPS, file), 'utf8'))) {
    const object = document.toJS() as { apiVersion: string; kind: string; metadata: { namespace?: string } }
    const { namespace } = object.metadata
    const group = object.apiVersion === 'v1' ? '/api/v1' : `/apis/${object.apiVersion}`
    const within = namespace === undefined ? group : `${group}/namespaces/${namespace}`
    const dry = isTried ? '?dryRun=All' : ''
    await control.ask('POST', `${within}/${object.kind.toLowerCase()}s${dry}`, object)
  }
}
