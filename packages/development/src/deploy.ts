import { imageOf } from '@cloister/attest'
import type { Wallet } from '@cloister/chain'
import {
  ADMISSION_ABI,
  APPS_ABI,
  EMISSION_ABI,
  KEY_SERVICE_ABI,
  MARKET_ABI,
  PLATFORMS_ABI,
  REVOCATION_FUND_ABI,
  SLASHING_ABI,
  STAKE_ABI,
  TOKEN_ABI,
  WORKERS_ABI,
} from '@cloister/chain'
import {
  ADMISSION_BYTECODE,
  APPS_BYTECODE,
  EMISSION_BYTECODE,
  KEY_SERVICE_BYTECODE,
  MARKET_BYTECODE,
  PLATFORMS_BYTECODE,
  REVOCATION_FUND_BYTECODE,
  SLASHING_BYTECODE,
  STAKE_BYTECODE,
  TOKEN_BYTECODE,
  WORKERS_BYTECODE,
} from '@cloister/contracts/bytecode'
import { CloisterError } from '@cloister/core'
import { EPOCH_SECONDS, GPU_CLASSES } from '@cloister/economy'
import {
  type Abi,
  type Address,
  bytesToBigInt,
  bytesToHex,
  getContractAddress,
  type Hex,
  stringToHex,
  toHex,
  zeroHash,
} from 'viem'
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

/** Addresses of a freshly deployed network. */
export interface Deployment {
  admission: Address
  platforms: Address
  workers: Address
  market: Address
  apps: Address
  keyService: Address
  stake: Address
  emission: Address
  slashing: Address
  revocationFund: Address
  cloi: Address
  usdc: Address
  /** Block of the first contract. */
  deployedAt: number
  /** When emission begins, Unix seconds: the last full hour. */
  emissionStart: number
}

const FEE_BPS = { cloi: 400n, usdc: 2_000n }
/** Development guests may earn; those on TDX verify for others. */
const GUEST = 1
const GUEST_AND_VERIFIER = 3
const FLOOR_SECONDS = 10n * 365n * 86_400n
const CLOI = 10n ** 18n
/** Wei that whoever posts revocation lists is paid back from. */
const FUND = 10n ** 18n
const DEVELOPMENT_SUPPLY = 10_000_000n * CLOI
/** What each provider has to stake with. */
const PROVIDER_SUPPLY = 100_000n * CLOI
/**
 * What Emission may create; see Schedule.sol. Nobody else may create anything once the development accounts
 * have their supply.
 */
const EMISSION_ALLOTMENT = 700_000_000n * CLOI

/**
 * Deploys a development network from the wallet's account, which owns it. Platforms of `root` may serve it,
 * with the development guest. Who slashes, who creates CLOI, who is told of coverage and what may serve is
 * said once, by the constructors. All transactions go out at once.
 */
export async function deployDevelopment(
  wallet: Wallet,
  treasury: Address,
  root: Pick<DevelopmentRoot, 'publicKey' | 'authorityCertificate' | 'collateral'>,
): Promise<Deployment> {
  const { client, account } = wallet
  const owner = account.address
  const nonce = await client.getTransactionCount({ address: owner })
  const addressAt = (offset: number) => getContractAddress({ from: owner, nonce: BigInt(nonce + offset) })
  const addresses = {
    admission: addressAt(0),
    platforms: addressAt(1),
    workers: addressAt(2),
    market: addressAt(3),
    cloi: addressAt(4),
    usdc: addressAt(5),
    apps: addressAt(6),
    keyService: addressAt(7),
    stake: addressAt(8),
    emission: addressAt(9),
    slashing: addressAt(10),
    revocationFund: addressAt(11),
  }
  const { admission, platforms, workers, market, cloi, usdc, stake, emission, slashing } = addresses
  const [x, y] = [root.publicKey.subarray(0, 32), root.publicKey.subarray(32)].map((bytes) =>
    bytesToBigInt(bytes),
  )
  const { timestamp } = await client.getBlock()
  const emissionStart = timestamp - (timestamp % BigInt(EPOCH_SECONDS))
  const classes = Object.entries(GPU_CLASSES).map(([name, { collateral, weight }]) => {
    const gpuClass = stringToHex(name, { size: 32 })
    return {
      collateral: { gpuClass, amount: collateral * CLOI },
      weight: { gpuClass, weight: BigInt(weight) },
    }
  })
  const ownSupply = DEVELOPMENT_SUPPLY + PROVIDER_SUPPLY * BigInt(DEVELOPMENT_ROLES.providers.length)
  const stakeParts = {
    token: cloi,
    workers,
    rewarder: emission,
    slasher: slashing,
    treasury,
    start: emissionStart,
  }
  const floor = {
    componentSvns: bytesToHex(Uint8Array.from(NEWEST_SVNS)),
    pceSvn: 13,
    qeSvn: 4,
    expiry: Number(timestamp + FLOOR_SECONDS),
    tdxSvns: bytesToHex(Uint8Array.from(TEE_TCB_SVN)),
    // Only version 1 of the TDX module.
    moduleSvns: `0xff${toHex(TEE_TCB_SVN[0], { size: 1 }).slice(2)}ffffffffffff` as const,
  }
  const hex = (bytes: Uint8Array) => bytesToHex(bytes).slice(2)
  const guests = [
    { measurements: measurementsOf(developmentGuest()), roles: GUEST_AND_VERIFIER },
    { measurements: { measurement: hex(developmentSnpGuest()) }, roles: GUEST },
    {
      measurements: Object.fromEntries(developmentEnclave().map((pcr, index) => [`pcr${index}`, hex(pcr)])),
      roles: GUEST,
    },
  ]
  const images = guests.map(({ measurements, roles }) => ({
    image: imageOf(measurements) ?? zeroHash,
    roles,
  }))
  const deploys = [
    {
      abi: ADMISSION_ABI as Abi,
      bytecode: ADMISSION_BYTECODE,
      args: [owner, [{ fmspc: `0x${DEVELOPMENT_FMSPC}`, floor }], images],
    },
    { abi: PLATFORMS_ABI as Abi, bytecode: PLATFORMS_BYTECODE, args: [x, y, admission] },
    { abi: WORKERS_ABI as Abi, bytecode: WORKERS_BYTECODE, args: [owner, platforms, emission] },
    { abi: MARKET_ABI as Abi, bytecode: MARKET_BYTECODE, args: [workers, treasury, owner] },
    {
      abi: TOKEN_ABI as Abi,
      bytecode: TOKEN_BYTECODE,
      args: [owner, [emission, owner], [EMISSION_ALLOTMENT, ownSupply]],
    },
    { abi: TEST_USDC_ABI as Abi, bytecode: TEST_USDC_BYTECODE, args: [] },
    { abi: APPS_ABI as Abi, bytecode: APPS_BYTECODE, args: [] },
    { abi: KEY_SERVICE_ABI as Abi, bytecode: KEY_SERVICE_BYTECODE, args: [owner, workers, market] },
    {
      abi: STAKE_ABI as Abi,
      bytecode: STAKE_BYTECODE,
      args: [owner, stakeParts, classes.map(({ collateral }) => collateral)],
    },
    {
      abi: EMISSION_ABI as Abi,
      bytecode: EMISSION_BYTECODE,
      args: [owner, cloi, workers, stake, treasury, classes.map(({ weight }) => weight)],
    },
    { abi: SLASHING_ABI as Abi, bytecode: SLASHING_BYTECODE, args: [owner, workers, market, stake] },
    { abi: REVOCATION_FUND_ABI as Abi, bytecode: REVOCATION_FUND_BYTECODE, args: [platforms] },
  ]
  const hashes: Hex[] = []
  let next = nonce
  for (const { abi, bytecode, args } of deploys)
    hashes.push(await wallet.wallet.deployContract({ abi, bytecode, args, nonce: next++, gas: 6_000_000n }))
  const write = { gas: 400_000n, account, chain: null } as const
  for (const args of [
    [cloi, true, FEE_BPS.cloi],
    [usdc, true, FEE_BPS.usdc],
  ] as const)
    hashes.push(
      await wallet.wallet.writeContract({
        ...write,
        address: market,
        abi: MARKET_ABI,
        functionName: 'setToken',
        args,
        nonce: next++,
      }),
    )
  // No platform serves before there are revocation lists. Workers post the later ones.
  const { root_ca_crl, pck_crl } = await root.collateral(Number(timestamp))
  const authority = bytesToHex(root.authorityCertificate)
  for (const args of [
    [`0x${root_ca_crl}`, '0x', 0n],
    [`0x${pck_crl}`, authority, 0n],
  ] as const) {
    const call = { address: platforms, abi: PLATFORMS_ABI, functionName: 'postRevocations', args } as const
    hashes.push(await wallet.wallet.writeContract({ ...write, ...call, nonce: next++ }))
  }
  const funding = { to: addresses.revocationFund, value: FUND, gas: 50_000n, account, chain: null } as const
  hashes.push(await wallet.wallet.sendTransaction({ ...funding, nonce: next++ }))
  const providers = DEVELOPMENT_ROLES.providers.map(
    (index) => developmentAccount(wallet.network, index).address,
  )
  for (const args of [
    [owner, DEVELOPMENT_SUPPLY] as const,
    ...providers.map((provider) => [provider, PROVIDER_SUPPLY] as const),
  ])
    hashes.push(
      await wallet.wallet.writeContract({
        ...write,
        address: cloi,
        abi: TOKEN_ABI,
        functionName: 'mint',
        args,
        nonce: next++,
      }),
    )
  const receipts = await Promise.all(
    hashes.map((hash) => client.waitForTransactionReceipt({ hash, timeout: 60_000 })),
  )
  const failed = receipts.find((receipt) => receipt.status !== 'success')
  if (failed)
    throw new CloisterError(
      'deploy-failed',
      `The contracts could not be deployed: transaction ${failed.transactionHash} was reverted.`,
    )
  return {
    ...addresses,
    deployedAt: Number(receipts[0]?.blockNumber ?? 0n),
    emissionStart: Number(emissionStart),
  }
}
