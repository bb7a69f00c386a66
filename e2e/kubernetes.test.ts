import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { loadWorkerKey, type RunningNode, type RunningWorker, startNode } from '@cloister/agent'
import { developmentAccount } from '@cloister/development/accounts'
import { canRun, hasRegistry } from '@cloister/development/engines'
import { openDevelopmentSource } from '@cloister/development/evidence'
import { hasKubernetes, startCluster, type TestCluster } from '@cloister/development/kubernetes'
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest'
import { makeImage } from '../examples/apps/images/debian.ts'
import { IMAGES } from '../examples/apps/images/images.ts'
import { closeWithMoney, readBalance } from '../examples/apps/run/money.ts'
import { preparePause } from '../packages/executors/src/testing/pause.ts'
import { type Json, raiseStage, type Stage, until } from './embedded.ts'
import { enrol, joinWith } from './joined-worker.ts'

const ACCOUNT = 8
/** Milliseconds that a busy machine may take for containers to be there. */
const SLOW_MS = 240_000

const NGINX = `user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /dev/stderr;
events { worker_connections 64; }
http { access_log off; server { listen 80; root /srv/pages; } }
`

/** `npm run try-kubernetes` runs it, with what `scripts/build-kubernetes.ts` has built. */
const isWanted = process.env['CLOISTER_KUBERNETES'] === '1'

describe.skipIf(!isWanted || !hasKubernetes() || !canRun('dockerd') || !hasRegistry)(
  'a cluster as a worker',
  () => {
    let stage: Stage
    let cluster: TestCluster
    let node: RunningNode
    let worker: RunningWorker
    const said: string[] = []

    /** Brings an image of Debian's packages to the registry. */
    const push = async (name: string) => {
      const image = IMAGES[name]
      if (!image) throw new Error(`there is no image ${name}`)
      const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'cloister-apps')
      mkdirSync(join(cache, 'layers'), { recursive: true })
      const layout = await makeImage(name, image, { cache, layouts: join(stage.folder, 'layouts') })
      const { manifests } = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8'))
      await cluster.registry.push(layout, manifests[0].digest, `shop/${name}`, '1')
    }
    const file = (path: string, text: string) => {
      mkdirSync(join(stage.folder, 'shop', path, '..'), { recursive: true })
      writeFileSync(join(stage.folder, 'shop', path), text)
      return join(stage.folder, 'shop', path)
    }

    beforeAll(async () => {
      stage = await raiseStage()
      cluster = await startCluster(join(stage.folder, 'cluster'), preparePause)
      for (const name of ['nginx', 'redis']) await push(name)
      const manager = loadWorkerKey(join(stage.folder, 'manager')).address.toLowerCase()
      const machine = await enrol(stage, 'machine', ACCOUNT, { executor: { engine: 'kubelet' }, manager })
      node = await startNode(machine, (_, message) => said.push(message), openDevelopmentSource)
      const nodes = [{ name: 'node-1', worker: loadWorkerKey(machine.folder).address.toLowerCase() }]
      const leaseRole = { role: 'cloister-lease', account: 'agent', namespace: 'cloister' }
      const engine = { engine: 'kubernetes', kubeconfig: cluster.agentConfig, nodes, leaseRole }
      worker = await joinWith(
        stage,
        'manager',
        ACCOUNT,
        {
          executor: { ...engine, storageClass: 'fake' },
          capacity: { cpus: 2, memory: '1GiB', disk: '8GiB' },
          prices: { USDC: { cpu: '0.001', memoryGiB: '0.0001', diskGiB: '0.0001' } },
          images: { layouts: [], trustedRegistries: [cluster.registry.host] },
        },
        said,
      )
    }, 600_000)

    afterAll(async () => {
      await worker?.stop()
      await node?.stop()
      await cluster?.stop()
      await stage?.end()
    }, 240_000)

    it('runs what a Compose file says for those who ask for a cluster, for their money to the unit', async () => {
      onTestFailed(() => console.error(said.slice(-40).join('\n')))
      const write = (more: string) =>
        file(
          'compose.yaml',
          `${more}services:
  front:
    image: ${cluster.registry.host}/shop/nginx:1
    ports: ["8080:80"]
    volumes: ["./nginx.conf:/etc/nginx/nginx.conf:ro", "./pages:/srv/pages:ro"]
    depends_on: [store]
    stop_grace_period: 1s
    deploy: { resources: { limits: { cpus: "0.1", memory: 64M } } }
  store:
    image: ${cluster.registry.host}/shop/redis:1
    command: [redis-server, --protected-mode, "no", --appendonly, "yes", --dir, /data]
    environment: { REVISION: "\${REVISION:-1}" }
    expose: ["6379"]
    volumes: ["data:/data", "./seed:/seed"]
    stop_grace_period: 5s
    deploy: { resources: { limits: { cpus: "0.1", memory: 64M } } }
volumes:
  data: { x-size: 256m }
`,
        )
      file('nginx.conf', NGINX)
      file('pages/index.html', 'the first page')
      file('seed/first', 'sown')
      const { network } = stage.embedded
      const own = worker.worker.key.address.toLowerCase()
      const isOurs = ({ worker: at }: Json) => String(at).toLowerCase() === own
      // Nobody gets to a cluster unasked.
      expect((await stage.json('bids', write(''))).bids.some(isOurs)).toBe(false)
      const compose = write('x-attributes: { cluster: kubernetes }\n')
      let asked: Json
      onTestFailed(() => console.error(JSON.stringify(asked)))
      await until('the worker bids', async () => {
        asked = await stage.json('bids', compose)
        return asked.bids.some(isOurs)
      })
      const before = await readBalance({ json: stage.json, text: async () => '' })
      const deployed = await stage.json('deploy', compose, '--for', '1h', '--name', 'shop', '--yes')
      expect(isOurs(deployed)).toBe(true)
      const page = async () => (await fetch(deployed.url.front)).text()
      const run = async (...words: string[]) => {
        const { stdout, stderr } = await stage.cloister('exec', 'shop', '--service', 'store', '--', ...words)
        return `${stdout}${stderr}`.trim()
      }
      const redis = (...words: string[]) => run('redis-cli', ...words)
      await until('the page is there', async () => (await page()) === 'the first page', SLOW_MS)
      expect(await redis('set', 'stock', '42')).toBe('OK')
      // A folder that was sent is what a volume begins with.
      expect(await run('sh', '-c', 'cat /seed/first; echo and grown > /seed/second')).toBe('sown')
      const leases = `/api/v1/pods?labelSelector=${encodeURIComponent('network.cloister/scope')}`
      const pods = async () => JSON.stringify(await cluster.control.ask('GET', leases))
      expect(await pods()).toContain('/shop/redis@sha256:')
      expect(await pods()).not.toMatch(/redis-server|appendonly|REVISION/)

      const kept = await stage.json('snapshot', 'shop', '--to', join(stage.folder, 'backups'))
      expect(JSON.stringify(kept)).toContain('data')

      // An update begins what has changed anew, and what was written stays.
      file('pages/index.html', 'the second page')
      writeFileSync(compose, readFileSync(compose, 'utf8').replace('REVISION:-1', 'REVISION:-2'))
      await stage.json('update', 'shop', compose)
      await until('the page is another', async () => (await page()) === 'the second page', SLOW_MS)
      await until('what was written is there', async () => (await redis('get', 'stock')) === '42', SLOW_MS)
      expect(await run('cat', '/seed/second')).toBe('and grown')
      const { containers } = await stage.json('metrics', 'shop')
      expect(containers).toHaveLength(2)
      for (const one of containers) expect(one.memoryBytes).toBeGreaterThan(0)

      const line = { json: stage.json, text: async () => '' }
      await closeWithMoney(deployed, before, line, join(stage.folder, 'state/network.json'))
      const earned = (await (
        await fetch(
          `${network.indexerUrl}/v1/payments?account=${developmentAccount(network, ACCOUNT).address}`,
        )
      ).json()) as { items: Json[] }
      expect(earned.items.map(({ kind }) => kind)).toContain('earning')
      const scoped = `/api/v1/namespaces?labelSelector=${encodeURIComponent('network.cloister/scope')}`
      const left = async () => (await cluster.control.ask<{ items: unknown[] }>('GET', scoped)).items.length
      await until('nothing is left in the cluster', async () => (await left()) === 0, SLOW_MS)
    }, 900_000)
  },
)
