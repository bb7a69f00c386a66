import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openHubKey } from '@cloister/ballots/key'
import { connectWallet, type Network } from '@cloister/chain'
import { loadNetwork } from '@cloister/chain/node'
import { hashManifest, type Manifest } from '@cloister/core'
import { DEVELOPMENT_ROLES, developmentAccount } from '@cloister/development/accounts'
import { deployDevelopment } from '@cloister/development/deploy'
import type { DevelopmentRoot } from '@cloister/development/root'
import { writeLeaves } from '@cloister/migration'
import type { WitnessKey } from '@cloister/verify'
import { erc20Abi, type Hex, parseAbi } from 'viem'
import { developmentLeaves } from './old-chain.ts'
import type { Settings } from './settings.ts'

const CHAIN_ID = 31337
/** Keeps the development root, beside network.json. */
export const ATTESTATION_FOLDER = 'attestation'
/** What accounts of the old chain own, beside network.json. */
export const LEAVES_FILE = 'leaves.json'
/** Keeps votes, and the key that the hub signs receipts with. */
export const HUB_FOLDER = 'hub'
/** Of the window in which claims are taken: four years. */
const WINDOW_SECONDS = 4 * 365 * 86_400
const TOKEN_CALLS = parseAbi([
  'function mint(address to, uint256 amount)',
  'function transfer(address to, uint256 amount) returns (bool)',
])
/** Images of the inference door that a network's description may name. */
const MOST_DOORS = 64
const FUNDED = [...DEVELOPMENT_ROLES.tenants, DEVELOPMENT_ROLES.example]

/**
 * Deploys the contracts where the chain hasn't got them, and writes the network's description. Instances of
 * its key service run `keyService`; it has none without.
 */
export async function ensureContracts(
  { folder, ports }: Settings,
  root: DevelopmentRoot,
  witness: WitnessKey,
  keyService?: Manifest,
): Promise<Network> {
  const path = join(folder, 'network.json')
  try {
    const known = loadNetwork(path)
    const { client } = connectWallet(known, developmentAccount(known, DEVELOPMENT_ROLES.faucet))
    if (await client.getCode({ address: known.contracts.market })) return known
  } catch {
    // Not deployed yet.
  }
  const leaves = developmentLeaves()
  writeFileSync(join(folder, LEAVES_FILE), writeLeaves(leaves))
  const until = BigInt(Math.floor(Date.now() / 1_000) + WINDOW_SECONDS)
  const { network } = await deployDevelopment(
    {
      name: 'embedded',
      chainId: CHAIN_ID,
      rpcUrl: `http://127.0.0.1:${ports.chain}`,
      wsUrl: `ws://127.0.0.1:${ports.chain}`,
      pollingIntervalMs: 150,
      indexerUrl: `http://127.0.0.1:${ports.indexer}`,
      gatewayUrl: `http://127.0.0.1:${ports.gateway}`,
      hubUrl: `http://127.0.0.1:${ports.hub}`,
      hubKeys: [{ key: openHubKey(join(folder, HUB_FOLDER, 'hub-key')).address, since: 0 }],
      attestation: {
        endorsementsUrl: `http://127.0.0.1:${ports.endorsements}`,
        gpuKeysUrl: `http://127.0.0.1:${ports.endorsements}/nvidia/keys.json`,
        witnesses: [{ name: 'development witness', key: witness.publicKey }],
        labelsUrl: `http://127.0.0.1:${ports.endorsements}/labels`,
        root: Buffer.from(root.certificate).toString('base64'),
        developmentFolder: ATTESTATION_FOLDER,
      },
      development: true,
    },
    root,
    {
      oldChain: { root: leaves.tree.root, total: leaves.total, until },
      ...(keyService && { keyServiceManifest: hashManifest(keyService) }),
    },
  )
  writeFileSync(path, `${JSON.stringify(network, null, 2)}\n`)
  return network
}

/** Has clients and the gateway of a network believe a door's image, beside those of before. */
export function believeDoor(folder: string, network: Network, digest: string): Network {
  const before = network.inferenceImages ?? []
  if (before.includes(digest)) return network
  // More than a network's description takes are forgotten, the oldest first.
  const described = { ...network, inferenceImages: [...before, digest].slice(-MOST_DOORS) }
  writeFileSync(join(folder, 'network.json'), `${JSON.stringify(described, null, 2)}\n`)
  return described
}

/**
 * Gives the development tenants something to spend: 1,000 USDC and 1,000 CLOI each, unless they have some or
 * the chain says that they got it. All transactions go out at once.
 */
export async function fundTenants(network: Network): Promise<void> {
  const { wallet, client, account } = connectWallet(
    network,
    developmentAccount(network, DEVELOPMENT_ROLES.faucet),
  )
  let nonce = await client.getTransactionCount({ address: account.address, blockTag: 'pending' })
  const hashes: Hex[] = []
  const wanted = FUNDED.flatMap((index) =>
    network.tokens.map((token) => ({ to: developmentAccount(network, index).address, ...token })),
  )
  const hasSome = await Promise.all(
    wanted.map(async ({ to, address }) => {
      // The whole chain is looked through only where that answers nothing.
      if ((await client.readContract({ address, abi: erc20Abi, functionName: 'balanceOf', args: [to] })) > 0n)
        return true
      const fromBlock = BigInt(network.deployedAt)
      return (
        (
          await client.getContractEvents({
            address,
            abi: erc20Abi,
            eventName: 'Transfer',
            args: { to },
            fromBlock,
          })
        ).length > 0
      )
    }),
  )
  for (const [index, { to, symbol, address, decimals }] of wanted.entries()) {
    if (hasSome[index]) continue
    const functionName = symbol === 'USDC' ? 'mint' : 'transfer'
    const args = [to, 1_000n * 10n ** BigInt(decimals)] as const
    hashes.push(
      await wallet.writeContract({
        address,
        abi: TOKEN_CALLS,
        functionName,
        args,
        nonce: nonce++,
        gas: 120_000n,
      }),
    )
  }
  await Promise.all(hashes.map((hash) => client.waitForTransactionReceipt({ hash, timeout: 60_000 })))
}
