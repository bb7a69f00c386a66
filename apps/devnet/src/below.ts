import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Network } from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import { DEVELOPMENT_ROLES, developmentAccount } from '@cloister/development/accounts'
import {
  connectSide,
  deployLayer1,
  initializeLayer2,
  LAYER1_CHAIN_ID,
  layer1Of,
} from '@cloister/development/op-stack'
import { getTransactionCount } from 'viem/actions'
import type { Settings } from './settings.ts'

const POLLING_MS = 150
/** Seconds that a withdrawal waits after its proof; networks of value have an hour or more. */
const DELAY_SECONDS = 60
/** Blocks of layer 2 between two outputs, at the least. */
const SUBMISSION_INTERVAL = 1
/** Tells layer 1's daemon which contract takes proofs, in its folder. */
const ORACLE = 'oracle'

/**
 * Joins the network's chain to the layer 1 below it: deploys the OP Stack's contracts there, tells those on
 * layer 2 of them, has CLOI's form made, and adds layer 1 to the network's description. Throws `bad-state`
 * where a start that was cut short left half of that.
 */
export async function ensureLayer1({ folder, ports }: Settings, network: Network): Promise<Network> {
  if (network.layer1) return network
  const rpcUrl = `http://127.0.0.1:${ports.layer1}`
  const layer1 = connectSide(rpcUrl, LAYER1_CHAIN_ID, POLLING_MS)
  const layer2 = connectSide(network.rpcUrl, network.chainId, POLLING_MS)
  const deployer = developmentAccount(network, DEVELOPMENT_ROLES.faucet)
  if ((await getTransactionCount(layer1, { address: deployer.address })) > 0)
    throw new CloisterError('bad-state', 'The last start was cut short while it joined the two chains.', {
      hint: 'Begin anew with `npm start -- --layer2 --fresh`.',
    })
  const contracts = await deployLayer1({ layer1, layer2 }, deployer, {
    delaySeconds: DELAY_SECONDS,
    submissionInterval: SUBMISSION_INTERVAL,
    prover: developmentAccount(network, DEVELOPMENT_ROLES.prover).address,
  })
  await initializeLayer2(layer2, deployer, contracts)
  const joined = await layer1Of(network, { layer1, rpcUrl, contracts }, deployer)
  writeFileSync(join(folder, 'layer1', ORACLE), contracts.oracle)
  writeFileSync(join(folder, 'network.json'), `${JSON.stringify(joined, null, 2)}\n`)
  return joined
}
