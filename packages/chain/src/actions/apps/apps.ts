import { CloisterError } from '@cloister/core'
import { type Address, encodeAbiParameters, type Hex, keccak256, stringToHex, zeroAddress } from 'viem'
import type { Chain, Wallet } from '../../client.ts'
import { APPS_ABI } from '../../generated/abis.ts'
import type { Network } from '../../network.ts'
import { send } from '../send.ts'

const NAME = /^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/

/** An app as the registry keeps it. Instants in Unix seconds. */
export interface App {
  app: Hex
  owner: Address
  /** Seconds that what is newly allowed waits. */
  upgradeDelay: number
  frozenAt: number | undefined
  /** What may have its keys, and from when. */
  manifests: AllowedHash[]
  measurements: AllowedHash[]
}

/** An entry of an app's policy. */
export interface AllowedHash {
  hash: Hex
  /** Unix seconds. */
  allowedFrom: number
  /** Why it never will count: announced for after the app was frozen. */
  void: boolean
}

/**
 * The id of the app that an account registers under a name, as `Apps.appOf` computes it. Throws `bad-name`.
 *
 * @example
 * ```ts
 * import { apps } from '@cloister/sdk'
 *
 * const app = apps.idOf(cloister.network, account.address, 'shop')
 * ```
 */
export function appIdOf(
  { chainId, contracts }: Pick<Network, 'chainId' | 'contracts'>,
  owner: Address,
  name: string,
): Hex {
  const words = [{ type: 'uint256' }, { type: 'address' }, { type: 'address' }, { type: 'bytes32' }] as const
  return keccak256(encodeAbiParameters(words, [BigInt(chainId), contracts.apps, owner, nameOf(name)]))
}

/**
 * Registers an app, and what may have its keys from the first: SHA-256 hashes of canonical manifests, and
 * measurements of guests. `upgradeDelay`: seconds that what is allowed later waits. Returns the app's id.
 * Throws `bad-name`, or `reverted` with the contract's reason.
 *
 * @example
 * ```ts
 * import { apps, walletOf } from '@cloister/sdk'
 *
 * const { measurement } = await cloister.index.worker(worker)
 * const app = await apps.register(walletOf(cloister), {
 *   name: 'shop',
 *   upgradeDelay: 3 * 86_400,
 *   manifests: [hash],
 *   measurements: measurement ? [measurement] : [],
 * })
 * ```
 */
export async function registerApp(
  wallet: Wallet,
  {
    name,
    upgradeDelay,
    manifests,
    measurements,
  }: { name: string; upgradeDelay: number; manifests: Hex[]; measurements: Hex[] },
): Promise<Hex> {
  await change(wallet, 'register', [nameOf(name), BigInt(upgradeDelay), manifests, measurements])
  return appIdOf(wallet.network, wallet.account.address, name)
}

/**
 * Adds the hash of a manifest or a measurement of guests to an app's policy; it counts once the upgrade
 * delay has passed. Throws `reverted` with the contract's reason.
 *
 * @example
 * ```ts
 * import { apps, walletOf } from '@cloister/sdk'
 *
 * await apps.allow(walletOf(cloister), app, 'manifest', hash)
 * ```
 */
export function allowInApp(wallet: Wallet, app: Hex, what: 'manifest' | 'measurement', hash: Hex) {
  return change(wallet, what === 'manifest' ? 'allowManifest' : 'allowMeasurement', [app, hash])
}

/**
 * Takes the hash of a manifest or a measurement of guests off an app's policy, at once. Throws `reverted`
 * with the contract's reason.
 *
 * @example
 * ```ts
 * import { apps, walletOf } from '@cloister/sdk'
 *
 * await apps.forbid(walletOf(cloister), app, 'manifest', hash)
 * ```
 */
export function forbidInApp(wallet: Wallet, app: Hex, what: 'manifest' | 'measurement', hash: Hex) {
  return change(wallet, what === 'manifest' ? 'forbidManifest' : 'forbidMeasurement', [app, hash])
}

/**
 * Freezes an app's policy for good: nothing new is ever allowed. Throws `reverted` with the contract's
 * reason.
 *
 * @example
 * ```ts
 * import { apps, walletOf } from '@cloister/sdk'
 *
 * await apps.freeze(walletOf(cloister), app)
 * ```
 */
export function freezeApp(wallet: Wallet, app: Hex) {
  return change(wallet, 'freeze', [app])
}

/**
 * Sets the upgrade delay, seconds; a shorter one holds once the present one has passed. Throws `reverted`
 * with the contract's reason.
 *
 * @example
 * ```ts
 * import { apps, walletOf } from '@cloister/sdk'
 *
 * await apps.setUpgradeDelay(walletOf(cloister), app, 7 * 86_400)
 * ```
 */
export function setUpgradeDelay(wallet: Wallet, app: Hex, seconds: number) {
  return change(wallet, 'setUpgradeDelay', [app, BigInt(seconds)])
}

/**
 * An app and its policy, read from the chain's events and state. Throws `not-found`.
 *
 * @example
 * ```ts
 * import { apps } from '@cloister/sdk'
 *
 * const { manifests, frozenAt } = await apps.get(cloister.chain, app)
 * console.log(manifests.map(({ hash, allowedFrom }) => [hash, new Date(allowedFrom * 1000)]), frozenAt)
 * ```
 */
export async function getApp(chain: Chain, app: Hex): Promise<App> {
  const { client, network } = chain
  const contract = { address: network.contracts.apps, abi: APPS_ABI } as const
  const [info, delay, allowed] = await Promise.all([
    client.readContract({ ...contract, functionName: 'appInfo', args: [app] }),
    client.readContract({ ...contract, functionName: 'upgradeDelayOf', args: [app] }),
    client.getContractEvents({ ...contract, args: { app }, fromBlock: BigInt(network.deployedAt) }),
  ])
  if (BigInt(info.owner) === 0n)
    throw new CloisterError('not-found', `There is no app ${app.slice(0, 18)}….`, {
      hint: { do: 'register-app' },
    })
  const frozenAt = info.frozenAt === 0 ? undefined : info.frozenAt
  const current = async (
    functionName: 'manifestAllowedFrom' | 'measurementAllowedFrom',
    hashes: Hex[],
  ): Promise<AllowedHash[]> => {
    const found = await Promise.all(
      [...new Set(hashes)].map(async (hash) => ({
        hash,
        allowedFrom: Number(await client.readContract({ ...contract, functionName, args: [app, hash] })),
      })),
    )
    return found
      .filter(({ allowedFrom }) => allowedFrom !== 0)
      .map((entry) => ({ ...entry, void: frozenAt !== undefined && entry.allowedFrom > frozenAt }))
  }
  const manifests = allowed.flatMap((event) =>
    event.eventName === 'ManifestAllowed' && event.args.manifestHash ? [event.args.manifestHash] : [],
  )
  const measurements = allowed.flatMap((event) =>
    event.eventName === 'MeasurementAllowed' && event.args.measurement ? [event.args.measurement] : [],
  )
  return {
    app,
    owner: info.owner,
    upgradeDelay: Number(delay),
    frozenAt,
    manifests: await current('manifestAllowedFrom', manifests),
    measurements: await current('measurementAllowedFrom', measurements),
  }
}

/** The account that owns an app; undefined where there is no such app. */
export async function getAppOwner({ client, network }: Chain, app: Hex): Promise<Address | undefined> {
  const { owner } = await client.readContract({
    address: network.contracts.apps,
    abi: APPS_ABI,
    functionName: 'appInfo',
    args: [app],
  })
  return owner === zeroAddress ? undefined : owner
}

/** Whether a tenant's lease of a manifest in a guest of this measurement may have an app's keys now. */
export function mayHaveKeys(
  { client, network }: Chain,
  {
    app,
    tenant,
    manifestHash,
    measurement,
  }: { app: Hex; tenant: Address; manifestHash: Hex; measurement: Hex },
): Promise<boolean> {
  return client.readContract({
    address: network.contracts.apps,
    abi: APPS_ABI,
    functionName: 'mayHaveKeys',
    args: [app, tenant, manifestHash, measurement],
  })
}

function nameOf(name: string): Hex {
  if (!NAME.test(name))
    throw new CloisterError('bad-name', `${JSON.stringify(name.slice(0, 60))} can't be the name of an app.`, {
      hint: 'Use 1 to 32 lower-case letters, digits and inner hyphens.',
    })
  return stringToHex(name, { size: 32 })
}

type Change =
  | 'register'
  | 'allowManifest'
  | 'allowMeasurement'
  | 'forbidManifest'
  | 'forbidMeasurement'
  | 'freeze'
  | 'setUpgradeDelay'

function change(wallet: Wallet, functionName: Change, args: readonly unknown[]) {
  return send(wallet, {
    address: wallet.network.contracts.apps,
    abi: APPS_ABI,
    functionName,
    args,
  } as Parameters<typeof send>[1])
}
