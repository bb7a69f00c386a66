import { imageOf } from '@cloister/attest'
import { connectWallet, Network } from '@cloister/chain'
import { ARTIFACTS, type Deployment, EMBEDDED, runPlan } from '@cloister/contracts/deploy'
import { EPOCH_SECONDS } from '@cloister/economy'
import { type Address, bytesToHex, hexToBigInt, slice, toHex, zeroAddress, zeroHash } from 'viem'
import { DEVELOPMENT_ROLES, developmentAccount } from './accounts.ts'
import { TEST_USDC_ABI, TEST_USDC_BYTECODE } from './generated/test-contracts.ts'
import {
  DEVELOPMENT_FMSPC,
  type DevelopmentRoot,
  developmentEnclave,
  developmentGuest,
  developmentSnpGuest,
  measurementsOf,
  NEWEST_SVNS,
  TEE_TCB_SVN,
} from './root/index.ts'

/** A development network whose contracts aren't deployed. */
export type Undeployed = Omit<Network, 'contracts' | 'deployedAt' | 'emissionStart' | 'tokens'>

/** A development network with contracts, and what they were deployed from. */
export interface DeployedNetwork {
  network: Network
  deployment: Deployment
}

/** Development guests may earn; those on TDX verify for others. */
const GUEST = 1
const GUEST_AND_VERIFIER = 3
const FLOOR_SECONDS = 10n * 365n * 86_400n
/**
 * Gas of each transaction: all go out at once, before anything is there that it could be estimated on. A
 * block of the development chain has room for all of them.
 */
const AT_ONCE = { gasOfContract: 6_000_000n, gasOfStep: 400_000n }
const Contracts = Network.shape.contracts
const NOWHERE = Contracts.parse(
  Object.fromEntries(Object.keys(Contracts.shape).map((name) => [name, zeroAddress])),
)

/**
 * Deploys a development network's contracts from its governance account. Platforms of `root` may serve it,
 * with the development guests, and emission begins at the last full hour. Throws `deploy-failed`.
 */
export async function deployDevelopment(
  undeployed: Undeployed,
  root: Pick<DevelopmentRoot, 'publicKey' | 'authorityCertificate' | 'collateral'>,
): Promise<DeployedNetwork> {
  const empty = { ...undeployed, contracts: NOWHERE, deployedAt: 0, emissionStart: 0, tokens: [] }
  const addressOf = (index: number) => developmentAccount(undeployed, index).address
  const governance = connectWallet(empty, developmentAccount(undeployed, DEVELOPMENT_ROLES.governance))
  const { timestamp } = await governance.client.getBlock()
  const emissionStart = timestamp - (timestamp % BigInt(EPOCH_SECONDS))
  const key = bytesToHex(root.publicKey)
  // No platform serves before there are revocation lists. Workers post the later ones.
  const lists = await root.collateral(Number(timestamp))
  const { deployment, block } = await runPlan(
    governance,
    {
      plan: EMBEDDED,
      artifacts: { ...ARTIFACTS, TestUSDC: { abi: TEST_USDC_ABI, bytecode: TEST_USDC_BYTECODE } },
      accounts: {
        governance: governance.account.address,
        treasury: addressOf(DEVELOPMENT_ROLES.treasury),
        ...Object.fromEntries(
          DEVELOPMENT_ROLES.providers.map((index, provider) => [`provider${provider}`, addressOf(index)]),
        ),
      },
      given: {
        rootX: hexToBigInt(slice(key, 0, 32)),
        rootY: hexToBigInt(slice(key, 32)),
        floors: [{ fmspc: `0x${DEVELOPMENT_FMSPC}`, floor: floorUntil(timestamp + FLOOR_SECONDS) }],
        images: developmentImages(),
        emissionStart,
        authority: bytesToHex(root.authorityCertificate),
        rootList: `0x${lists.root_ca_crl}`,
        platformList: `0x${lists.pck_crl}`,
      },
    },
    { atOnce: AT_ONCE },
  )
  const { cloi, usdc } = deployment.addresses
  const network: Network = {
    ...undeployed,
    contracts: Contracts.parse(deployment.addresses),
    deployedAt: block,
    emissionStart: Number(emissionStart),
    tokens: [
      { symbol: 'CLOI', decimals: 18, address: cloi as Address },
      { symbol: 'USDC', decimals: 6, address: usdc as Address },
    ],
  }
  return { network, deployment }
}

/** The TCB floor of development platforms: what they are made with. */
function floorUntil(expiry: bigint) {
  return {
    componentSvns: bytesToHex(Uint8Array.from(NEWEST_SVNS)),
    pceSvn: 13,
    qeSvn: 4,
    expiry: Number(expiry),
    tdxSvns: bytesToHex(Uint8Array.from(TEE_TCB_SVN)),
    // Only version 1 of the TDX module.
    moduleSvns: `0xff${toHex(TEE_TCB_SVN[0], { size: 1 }).slice(2)}ffffffffffff` as const,
  }
}

/** Guest images that may serve, and what they may do. */
function developmentImages() {
  const hex = (bytes: Uint8Array) => bytesToHex(bytes).slice(2)
  const registers = developmentEnclave().map((pcr, index) => [`pcr${index}`, hex(pcr)])
  return [
    { measurements: measurementsOf(developmentGuest()), roles: GUEST_AND_VERIFIER },
    { measurements: { measurement: hex(developmentSnpGuest()) }, roles: GUEST },
    { measurements: Object.fromEntries(registers), roles: GUEST },
  ].map(({ measurements, roles }) => ({ image: imageOf(measurements) ?? zeroHash, roles }))
}
