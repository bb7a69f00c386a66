import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CLUSTER_ATTRIBUTE, defaultPolicy, orderFor, parseManifest } from '@cloister/core'
import { afterAll, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { type AgentConfig, loadAgentConfig } from '../config.ts'
import { Bidder } from './bidder.ts'

const ADDRESS = `0x${'11'.repeat(20)}` as const

const folder = mkdtempSync(join(tmpdir(), 'cloister-cluster-'))
afterAll(() => rmSync(folder, { recursive: true }))

function configWith(executor: object, more: object = {}): AgentConfig {
  const file = join(folder, 'provider.yaml')
  const config = {
    name: 'test',
    network: 'network.json',
    folder: 'own',
    listen: { port: 0 },
    endpoint: 'http://127.0.0.1:1',
    capacity: { cpus: 4, memory: '8GiB', disk: '80GiB' },
    executor,
    ...more,
  }
  writeFileSync(file, stringify(config))
  return loadAgentConfig(file)
}

it('a worker on a cluster bids only on orders that ask for one', () => {
  const config = configWith({ engine: 'kubernetes', nodes: [{ name: 'node-1', worker: ADDRESS }] })
  config.attributes = { [CLUSTER_ATTRIBUTE.name]: CLUSTER_ATTRIBUTE.value }
  // Only what it asks for here.
  const parts = { config, separateNetworks: true, privateNetworks: false, attestor: { alarm: undefined } }
  const bidder = new Bidder(parts as unknown as ConstructorParameters<typeof Bidder>[0])
  const compose = 'services:\n  web:\n    image: nginx:alpine\n'
  const { manifest } = parseManifest(compose, { file: 'compose.yaml' })
  const order = orderFor(manifest, { tenant: ADDRESS, token: ADDRESS, policy: defaultPolicy(true) })
  expect(() => bidder.check(order, [])).toThrow(/has to ask for cluster=kubernetes/)
  const asking = { ...order, attributes: { [CLUSTER_ATTRIBUTE.name]: CLUSTER_ATTRIBUTE.value } }
  expect(() => bidder.check(asking, [])).not.toThrow()
})

it('takes settings of a cluster, with paths beside the file, and names what is wrong', () => {
  const { executor } = configWith({
    engine: 'kubernetes',
    kubeconfig: 'kube.yaml',
    closedNetworks: ['10.0.0.0/8', '2001:db8::/32'],
  })
  expect(executor).toMatchObject({
    kubeconfig: join(folder, 'kube.yaml'),
    gpuResource: 'nvidia.com/gpu',
    nodes: [],
  })
  for (const wrong of [
    { closedNetworks: ['10.0.0.0/33'] },
    { closedNetworks: ['all'] },
    { storageClass: 'A b' },
    { nodes: [{ name: 'x' }] },
  ])
    expect(() => configWith({ engine: 'kubernetes', ...wrong })).toThrow(/is wrong at executor/)
  expect(() => configWith({ engine: 'kubelet' })).toThrow(/manager/)
  expect(configWith({ engine: 'kubelet' }, { manager: ADDRESS }).executor).toEqual({ engine: 'kubelet' })
})
