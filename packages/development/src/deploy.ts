import { measurementOf } from '@cloister/attest'
import {
  ARTIFACTS,
  type DeployedNetwork,
  deployNetwork,
  EMBEDDED,
  type OldChain,
  type Undeployed,
  withClaims,
} from '@cloister/contracts/deploy'
import { EPOCH_SECONDS } from '@cloister/economy'
import { bytesToHex, createPublicClient, type Hex, hexToBigInt, http, slice, toHex, zeroHash } from 'viem'
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

/** Development guests may earn; those on TDX verify for others. */
const GUEST = 1
const GUEST_AND_VERIFIER = 3
const FLOOR_SECONDS = 10n * 365n * 86_400n
/**
 * Gas of each transaction: all go out at once, before anything is there that it could be estimated on. A
 * block of the development chain has room for all of them.
 */
const AT_ONCE = { gasOfContract: 6_000_000n, gasOfStep: 400_000n }
/** What a development network may have besides. */
export interface DevelopmentOptions {
  /** Whose accounts are paid what they owned there. */
  oldChain?: OldChain
  /** What instances of its key service run. */
  keyServiceManifest?: Hex
}

/**
 * Deploys a development network's contracts from its faucet's account, which owns none of them. Platforms of
 * `root` may serve it, with the development guests, and emission begins at the last full hour. Throws
 * `deploy-failed`.
 */
export async function deployDevelopment(
  undeployed: Undeployed,
  root: Pick<DevelopmentRoot, 'publicKey' | 'authorityCertificate' | 'endorsements'>,
  { oldChain, keyServiceManifest = zeroHash }: DevelopmentOptions = {},
): Promise<DeployedNetwork> {
  const addressOf = (index: number) => developmentAccount(undeployed, index).address
  const deployer = developmentAccount(undeployed, DEVELOPMENT_ROLES.faucet)
  const { timestamp } = await createPublicClient({ transport: http(undeployed.rpcUrl) }).getBlock()
  const key = bytesToHex(root.publicKey)
  // No platform serves before there are revocation lists. Workers post the later ones.
  const lists = await root.endorsements(Number(timestamp))
  const providers = DEVELOPMENT_ROLES.providers.map(
    (index, provider) => [`provider${provider}`, addressOf(index)] as const,
  )
  return deployNetwork(
    undeployed,
    deployer,
    {
      plan: oldChain ? withClaims(EMBEDDED, oldChain) : EMBEDDED,
      artifacts: { ...ARTIFACTS, TestUSDC: { abi: TEST_USDC_ABI, bytecode: TEST_USDC_BYTECODE } },
      accounts: Object.fromEntries(providers),
      given: {
        rootX: hexToBigInt(slice(key, 0, 32)),
        rootY: hexToBigInt(slice(key, 32)),
        floors: [{ fmspc: `0x${DEVELOPMENT_FMSPC}`, floor: floorUntil(timestamp + FLOOR_SECONDS) }],
        measurements: developmentMeasurements(),
        keyServiceManifest,
        emissionStart: timestamp - (timestamp % BigInt(EPOCH_SECONDS)),
        authority: bytesToHex(root.authorityCertificate),
        rootList: `0x${lists.root_ca_crl}`,
        platformList: `0x${lists.pck_crl}`,
      },
    },
    { symbol: 'USDC', decimals: 6 },
    { atOnce: AT_ONCE },
  )
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

/** Measurements of guests that may serve, and what they may do. */
function developmentMeasurements() {
  const hex = (bytes: Uint8Array) => bytesToHex(bytes).slice(2)
  const registers = developmentEnclave().map((pcr, index) => [`pcr${index}`, hex(pcr)])
  return [
    { measurements: measurementsOf(developmentGuest()), roles: GUEST_AND_VERIFIER },
    { measurements: { measurement: hex(developmentSnpGuest()) }, roles: GUEST },
    { measurements: Object.fromEntries(registers), roles: GUEST },
  ].map(({ measurements, roles }) => ({ measurement: measurementOf(measurements) ?? zeroHash, roles }))
}
