import {
  type Address,
  createPublicClient,
  custom,
  type Hex,
  type PublicClient,
  pad,
  toFunctionSelector,
} from 'viem'
import type { Deployed } from './check/layer1.ts'
import { Settings } from './settings.ts'

const account = (digit: string): Address => `0x${digit.repeat(40)}`

/** Accounts of keys that anybody knows: 0x11…, 0x22…, 0x33…. */
export const KEYS = {
  BATCHER_PRIVATE_KEY: `0x${'11'.repeat(32)}`,
  SEQUENCER_PRIVATE_KEY: `0x${'22'.repeat(32)}`,
  PROPOSER_PRIVATE_KEY: `0x${'33'.repeat(32)}`,
} as const

export const SETTINGS: Settings = Settings.parse({
  layer1: { chainId: 1, rpcUrl: 'http://layer1:8545', beaconUrl: 'http://layer1:5052' },
  layer2: {
    chainId: 7_653_201,
    rpcUrl: 'http://127.0.0.1:8545',
    gasLimit: 60_000_000,
    minBaseFee: 1_000_000,
    operatorFee: { scalar: 0, constant: 0 },
  },
  owner: account('a'),
  treasury: account('b'),
  accounts: {
    deployer: account('c'),
    batcher: '0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A',
    sequencer: '0x1563915e194D8CfBA1943570603F7606A3115508',
    proposer: '0x5CbDd86a2FA8Dc4bDdd8a8f69dBa48572EeC07FB',
  },
  contracts: { l1Locator: 'embedded', l2Locator: 'embedded' },
  proofs: {
    verifier: account('d'),
    intervalBlocks: 7_200,
    finalizationSeconds: 3_600,
    fallbackSeconds: 1_209_600,
  },
})

export const DEPLOYED: Deployed = {
  oracle: account('1'),
  portal: account('2'),
  systemConfig: account('3'),
  superchainConfig: account('4'),
  disputeGameFactory: account('5'),
  standardBridge: account('6'),
}

/** A fake node: what views answer by `address.view()` (any arguments), and everything else it is asked. */
export function fakeChain(
  views: Readonly<Record<string, Hex>>,
  answers: Readonly<Record<string, unknown>>,
): PublicClient {
  const bySelector = new Map(
    Object.entries(views).map(([name, answer]) => {
      const [contract = '', view = ''] = name.split('.')
      return [`${contract.toLowerCase()}.${toFunctionSelector(view)}`, answer]
    }),
  )
  const request = async ({ method, params }: { method: string; params?: unknown[] }) => {
    if (method === 'eth_call') {
      const [{ to, data }] = params as [{ to: string; data: Hex }]
      const answer =
        bySelector.get(`${to.toLowerCase()}.${data.slice(0, 10)}`) ?? answers[`call ${to.toLowerCase()}`]
      if (answer === undefined) throw new Error('execution reverted')
      return answer
    }
    if (!(method in answers)) throw new Error(`The fake node knows no ${method}.`)
    return answers[method]
  }
  return createPublicClient({ transport: custom({ request }, { retryCount: 0 }), cacheTime: 0 })
}

/** A word that a view answers with. */
export function word(value: Hex | number | boolean): Hex {
  return pad(typeof value === 'string' ? value : `0x${Number(value).toString(16)}`)
}
