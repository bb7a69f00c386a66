import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Network } from '@cloister/chain'
import { DEVELOPMENT_ROLES, developmentAccount } from '@cloister/development/accounts'
import {
  type Commitments,
  type Committed,
  connectSide,
  deployLayer1,
  initializeLayer2,
  LAYER1_CHAIN_ID,
  layer1Of,
} from '@cloister/development/op-stack'
import { ORACLE_FILE } from './chain/kind.ts'
import type { Settings } from './settings.ts'

const POLLING_MS = 150
/** Seconds that a withdrawal waits after its proof; networks of value have an hour or more. */
const DELAY_SECONDS = 60
/** Blocks of layer 2 between two outputs, at the least. */
const SUBMISSION_INTERVAL = 1
/** Signed transactions that join the two chains, in layer 1's folder until they are joined. */
const JOINING = 'joining.json'

/**
 * Joins the network's chain to the layer 1 below it: deploys the OP Stack's contracts there, tells those on
 * layer 2 of them, has forms of the network's tokens made, and adds layer 1 to the network's description. A
 * start that was cut short is gone on with by the transactions that it signed. Throws `deploy-failed`.
 */
export async function ensureLayer1({ folder, ports }: Settings, network: Network): Promise<Network> {
  if (network.layer1) return network
  const rpcUrl = `http://127.0.0.1:${ports.layer1}`
  const layer1 = connectSide(rpcUrl, LAYER1_CHAIN_ID, POLLING_MS)
  const layer2 = connectSide(network.rpcUrl, network.chainId, POLLING_MS)
  const deployer = developmentAccount(network, DEVELOPMENT_ROLES.faucet)
  const joining = join(folder, 'layer1', JOINING)
  const commitments = commitmentsIn(joining)
  const choices = {
    delaySeconds: DELAY_SECONDS,
    submissionInterval: SUBMISSION_INTERVAL,
    prover: developmentAccount(network, DEVELOPMENT_ROLES.prover).address,
  }
  const contracts = await deployLayer1({ layer1, layer2 }, deployer, choices, commitments)
  await initializeLayer2(layer2, deployer, contracts, commitments)
  const joined = await layer1Of(network, { layer1, rpcUrl, contracts }, deployer, commitments)
  replace(join(folder, 'layer1', ORACLE_FILE), contracts.oracle)
  replace(join(folder, 'network.json'), `${JSON.stringify(joined, null, 2)}\n`)
  rmSync(joining, { force: true })
  return joined
}

function commitmentsIn(path: string): Commitments {
  // A file of our own, which is there as a whole or not at all.
  const all = (): Record<string, Committed> =>
    existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Record<string, Committed>) : {}
  return {
    read: (purpose) => all()[purpose],
    write: (purpose, committed) => replace(path, JSON.stringify({ ...all(), [purpose]: committed })),
  }
}

/** Writes a file that is never seen half written. */
function replace(path: string, text: string): void {
  writeFileSync(`${path}.new`, text)
  renameSync(`${path}.new`, path)
}
