import { zeroAddress } from 'viem'
import { expect, it } from 'vitest'
import { Network, readNetwork } from './network.ts'

const LAYER1 = {
  name: 'Ethereum',
  chainId: 1,
  rpcUrl: 'https://layer1.example',
  pollingIntervalMs: 12_000,
  contracts: Object.fromEntries(
    ['portal', 'disputeGameFactory', 'messenger', 'standardBridge', 'systemConfig', 'mintableFactory'].map(
      (name) => [name, zeroAddress],
    ),
  ),
  proofs: 'validity',
  tokens: [{ symbol: 'CLOI', decimals: 18, address: zeroAddress, layer2: zeroAddress }],
}
const CONTRACTS = Object.keys(Network.shape.contracts.shape).map((name) => [name, zeroAddress])
const networkWith = (layer1: unknown, changes: object = {}) => ({
  name: 'some',
  chainId: 2035,
  rpcUrl: 'https://layer2.example',
  pollingIntervalMs: 1_000,
  contracts: Object.fromEntries(CONTRACTS),
  deployedAt: 0,
  emissionStart: 0,
  tokens: [{ symbol: 'CLOI', decimals: 18, address: zeroAddress }],
  indexerUrl: 'https://index.example',
  gatewayUrl: 'https://gateway.example',
  attestation: { endorsementsUrl: 'https://endorsements.example' },
  development: false,
  layer1,
  ...changes,
})

it('a network may say what it is a layer 2 of', () => {
  expect(readNetwork(networkWith(LAYER1)).layer1).toEqual(LAYER1)
  expect(readNetwork(networkWith(undefined)).layer1).toBeUndefined()
  const simulated = networkWith({ ...LAYER1, proofs: 'simulated' }, { development: true })
  expect(readNetwork(simulated).layer1?.proofs).toBe('simulated')
})

it.each<[string, unknown, string]>([
  [
    'simulated proofs outside of development',
    { ...LAYER1, proofs: 'simulated' },
    'only development networks',
  ],
  ['its own chain', { ...LAYER1, chainId: 2035 }, 'its own chain'],
  ['a name with colours for a terminal', { ...LAYER1, name: 'x\u001b[31m' }, 'layer1.name'],
  ['a file as its node', { ...LAYER1, rpcUrl: 'file:///etc/passwd' }, 'layer1.rpcUrl'],
  [
    'no address',
    { ...LAYER1, contracts: { ...LAYER1.contracts, portal: '0x12' } },
    'layer1.contracts.portal',
  ],
  [
    'a contract that nobody knows',
    { ...LAYER1, contracts: { ...LAYER1.contracts, x: zeroAddress } },
    'layer1',
  ],
  ['no proofs', { ...LAYER1, proofs: 'trust-me' }, 'layer1.proofs'],
  ['a thousand tokens', { ...LAYER1, tokens: Array(1_000).fill(LAYER1.tokens[0]) }, 'layer1.tokens'],
  ['more decimals than there are', { ...LAYER1, tokens: [{ ...LAYER1.tokens[0], decimals: 999 }] }, 'layer1'],
])('a layer 1 that is %s is refused', (_, layer1, said) => {
  expect(() => readNetwork(networkWith(layer1))).toThrow(said)
})
