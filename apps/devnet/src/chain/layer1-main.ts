// The layer 1 below the embedded network, and who proposes the network's outputs there, with simulated
// proofs: node layer1-main.ts FOLDER PORT LAYER2_URL
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DEVELOPMENT_ROLES, developmentAccount } from '@cloister/development/accounts'
import { argumentsOf } from '@cloister/development/chain'
import { connectSide, LAYER1_CHAIN_ID, layer1Genesis, Proposer } from '@cloister/development/op-stack'
import { type Address, isAddress } from 'viem'
import { every } from './every.ts'
import { ALONE, LAYER2, ORACLE_FILE } from './kind.ts'
import { serveChain } from './serve.ts'

const LOOK_MS = 1_000

const [folder = '', port = '', layer2Url = ''] = process.argv.slice(2)
const development = { name: 'embedded', development: true }
const deployer = developmentAccount(development, DEVELOPMENT_ROLES.faucet).address
await serveChain({
  name: 'layer1',
  folder,
  port: Number(port),
  kind: {
    ...ALONE,
    chainId: LAYER1_CHAIN_ID,
    arguments: argumentsOf(LAYER1_CHAIN_ID),
    genesis: (time) => layer1Genesis(time, deployer),
  },
  beside: (_, log) => {
    let proposer: Proposer | undefined
    return every(LOOK_MS, log, async () => {
      const oracle = oracleIn(folder)
      if (!oracle) return
      proposer ??= new Proposer({
        layer1: connectSide(`http://127.0.0.1:${port}`, LAYER1_CHAIN_ID, LOOK_MS / 4),
        layer2: connectSide(layer2Url, LAYER2.chainId, LOOK_MS / 4),
        oracle,
        prover: developmentAccount(development, DEVELOPMENT_ROLES.prover),
      })
      await proposer.look()
    })
  },
})

function oracleIn(own: string): Address | undefined {
  try {
    const text = readFileSync(join(own, ORACLE_FILE), 'utf8').trim()
    return isAddress(text) ? text : undefined
  } catch {
    return undefined
  }
}
