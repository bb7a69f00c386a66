import { join } from 'node:path'
import {
  connectWallet,
  freshBlock,
  handInVerdict,
  registerWorker,
  signClaim,
  signVerdict,
  type Wallet,
  WORKERS_ABI,
} from '@cloister/chain'
import { nameGpus } from '@cloister/core'
import { developmentAccount } from '@cloister/development/accounts'
import { coverWorker } from '@cloister/development/chain'
import { type DevelopmentPlatform, DevelopmentRoot } from '@cloister/development/root'
import { zeroHash } from 'viem'
import { generatePrivateKey, type PrivateKeyAccount, privateKeyToAccount } from 'viem/accounts'
import type { Stage } from '../embedded.ts'
import type { Ground } from './ground.ts'

/** Seconds that an attestation covers, and a verdict confirms GPUs for. */
const PERIOD = 3_600

/** A worker that nobody runs: it attests, and its GPUs are vouched for. */
export interface GpuWorker {
  provider: Wallet
  key: PrivateKeyAccount
  platform: DevelopmentPlatform
  gpuClass: string
  gpus: number
}

/** Registers a worker with GPUs of an account. */
export async function registerGpuWorker(
  { embedded: { network }, folder }: Stage,
  { account, gpuClass, gpus }: { account: number; gpuClass: string; gpus: number },
): Promise<GpuWorker> {
  const root = await DevelopmentRoot.open(join(folder, 'state', 'attestation'))
  const provider = connectWallet(network, developmentAccount(network, account))
  const key = privateKeyToAccount(generatePrivateKey())
  await registerWorker(provider, key, {
    cpuMilli: 1000,
    memoryMiB: 1024,
    diskMiB: 1024,
    gpus,
    gpuClass,
    endpoint: 'http://127.0.0.1:1',
  })
  return { provider, key, platform: await root.manufacture(), gpuClass, gpus }
}

/** Attests workers and has their GPUs vouched for by the others. */
export async function renew(ground: Ground, present: GpuWorker[]): Promise<void> {
  const { economy } = ground
  const covered = [...present, ground.verifier]
  await Promise.all(covered.map(({ provider, platform, key }) => coverWorker(provider, platform, key)))
  const { client, network } = ground.wallet(0)
  const contract = { address: network.contracts.workers, abi: WORKERS_ABI } as const
  for (const { key } of present) {
    const args = [key.address] as const
    const { until } = await client.readContract({ ...contract, functionName: 'coverageOf', args })
    economy.cover(until - PERIOD, key.address, PERIOD)
  }
  await Promise.all(present.map((one) => confirmGpus(one, covered)))
  // In the order of the chain, where two in one block have one instant.
  for (const { key, gpuClass, gpus } of present) {
    const args = [key.address] as const
    const { until } = await client.readContract({ ...contract, functionName: 'confirmedGpus', args })
    economy.confirmGpus(until - PERIOD, key.address, gpuClass, gpus, PERIOD)
  }
}

/** Hands in a verdict on a worker's GPUs that two of the others sign. */
async function confirmGpus(one: GpuWorker, covered: GpuWorker[]): Promise<void> {
  const { provider, key, gpuClass, gpus } = one
  const { network } = provider
  const verdict = {
    kind: 'nvidia-gpus' as const,
    worker: key.address,
    provider: provider.account.address,
    ...nameGpus(Array.from({ length: gpus }, (_, index) => `${key.address} ${index}`)),
    measurement: zeroHash,
    tlsKeyHash: zeroHash,
    gpuClass,
    gpus,
    block: await freshBlock(provider),
  }
  const others = covered.filter((other) => other !== one).slice(0, 2)
  const signatures = await Promise.all(others.map((other) => signVerdict(network, other.key, verdict)))
  await handInVerdict(provider, verdict, signatures, await signClaim(network, key, verdict))
}
