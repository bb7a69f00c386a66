import { type ChildProcess, spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import {
  attestWorker,
  connectWallet,
  ensurePlatform,
  freshBlock,
  getWorker,
  type Network,
  reportDataOf,
  type Wallet,
} from '@cloister/chain'
import type { Deployment } from '@cloister/contracts/deploy'
import { CloisterError } from '@cloister/core'
import { type Address, createPublicClient, type Hex, http, type LocalAccount, toHex, zeroHash } from 'viem'
import { developmentAccount } from './accounts.ts'
import { type DevelopmentOptions, deployDevelopment } from './deploy.ts'
import { X402_CODE } from './genesis.ts'
import { type DevelopmentPlatform, DevelopmentRoot } from './root/index.ts'

const START_MS = 15_000
/** What waits when looked at twice, so far apart, has been overlooked. */
const OVERLOOKED_MS = 1_000

/**
 * Arguments that every development chain is started with. Blocks have room for all that deployment sends at
 * once: anvil loses what an account sent after a transaction that has to wait for the next block.
 */
export const CHAIN_ARGUMENTS = argumentsOf(31337)
/** The same for one that takes deposits of a layer 1. */
export const LAYER2_ARGUMENTS = [...CHAIN_ARGUMENTS, '--network', 'optimism']

/** The same for another chain id. */
export function argumentsOf(chainId: number): string[] {
  return ['--chain-id', String(chainId), '--gas-limit', '300000000']
}

/** anvil's binary itself: the launcher that npm puts around it would not pass signals on. */
export function anvilPath(): string {
  const own = createRequire(createRequire(import.meta.url).resolve('@foundry-rs/anvil/package.json'))
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch
  return own.resolve(`@foundry-rs/anvil-${process.platform}-${architecture}/bin/anvil`)
}

/** A development chain with the contracts on it. */
export interface DevelopmentChain {
  network: Network
  /** What its contracts were deployed from. */
  deployment: Deployment
  /** Certifies platforms made of software. */
  root: DevelopmentRoot
  /** Acts as one of the ten funded accounts. */
  wallet(index: number): Wallet
  /** Acts as the Safe that owns the contracts, without a ballot: anvil lets anybody. */
  governance: Wallet
  stop(): Promise<void>
}

/**
 * Starts anvil on a free port and deploys the contracts. For tests and benchmarks; a block per transaction
 * unless `args` say otherwise.
 */
export async function startDevelopmentChain(
  args: string[] = [],
  options: DevelopmentOptions = {},
): Promise<DevelopmentChain> {
  const [anvil, root] = await Promise.all([
    startAnvil([...CHAIN_ARGUMENTS, ...args]),
    DevelopmentRoot.create(),
  ])
  const { request } = createPublicClient({ transport: http(anvil.rpcUrl) })
  await Promise.all(
    Object.entries(X402_CODE).map((account) =>
      request({ method: 'anvil_setCode', params: account } as never),
    ),
  )
  const { network, deployment } = await deployDevelopment(
    {
      name: 'test',
      chainId: 31337,
      rpcUrl: anvil.rpcUrl,
      pollingIntervalMs: 50,
      indexerUrl: 'http://127.0.0.1:1',
      gatewayUrl: 'http://127.0.0.1:1',
      attestation: {
        endorsementsUrl: 'http://127.0.0.1:1',
        gpuKeysUrl: 'http://127.0.0.1:1',
        witnesses: [],
        root: Buffer.from(root.certificate).toString('base64'),
      },
      development: true,
    },
    root,
    options,
  )
  const account = (index: number) => developmentAccount(network, index)
  const watch = watchPool(connectWallet(network, account(0)))
  return {
    network,
    deployment,
    root,
    wallet: (index) => connectWallet(network, account(index)),
    governance: await impersonate(network, network.contracts.safe),
    stop: () => {
      clearInterval(watch)
      return anvil.stop()
    },
  }
}

/** Starts anvil on a free port. */
export async function startAnvil(args: string[]): Promise<{ rpcUrl: string; stop(): Promise<void> }> {
  const child = spawn(anvilPath(), ['--port', '0', ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  return {
    rpcUrl: `http://127.0.0.1:${await listening(child)}`,
    stop: () =>
      new Promise((resolve) => {
        // A signal to all of a terminal's processes has ended it already.
        if (child.exitCode !== null || child.signalCode !== null) return resolve()
        child.once('exit', () => resolve())
        child.kill('SIGKILL')
      }),
  }
}

/** A wallet that acts as any account of anvil's, with ether for its gas. */
async function impersonate(network: Network, address: Address): Promise<Wallet> {
  const wallet = connectWallet(network, { address, type: 'json-rpc' })
  const ask = (method: string, ...params: unknown[]) => wallet.client.request({ method, params } as never)
  await ask('anvil_impersonateAccount', address)
  await ask('anvil_setBalance', address, toHex(10n ** 18n))
  return wallet
}

/**
 * Has a block made where transactions wait although each is to have a block of its own: on a busy machine
 * anvil overlooks one that comes while it makes a block, and leaves it until the next one comes.
 */
function watchPool({ client }: Wallet): NodeJS.Timeout {
  const ask = <answer>(method: string) => client.request({ method } as never) as Promise<answer>
  let waited = false
  const look = async () => {
    const { pending } = await ask<{ pending: Hex }>('txpool_status')
    const waits = Number(pending) > 0 && (await ask<boolean>('anvil_getAutomine'))
    if (waits && waited) await ask('evm_mine')
    waited = waits && !waited
  }
  return setInterval(() => void look().catch(() => {}), OVERLOOKED_MS).unref()
}

/** Ether that a worker's account is given to attest with, in wei. */
const GAS_MONEY = 10n ** 17n

/**
 * Covers a registered worker by a quote of a platform made of software, handed in by the worker itself out
 * of the wallet's ether.
 */
export async function coverWorker(
  wallet: Wallet,
  platform: DevelopmentPlatform,
  key: LocalAccount,
  tlsKeyHash: Hex = zeroHash,
): Promise<void> {
  const worker = key.address
  const registered = await getWorker(wallet, worker)
  if (!registered) throw new CloisterError('not-registered', `The worker ${worker} is not registered.`)
  const block = await freshBlock(wallet)
  const quote = platform.quote(
    reportDataOf(wallet.network, { provider: registered.provider, worker, tlsKeyHash }, block.hash),
  )
  const own = connectWallet(wallet.network, key)
  if ((await wallet.client.getBalance({ address: worker })) < GAS_MONEY / 2n) {
    const hash = await wallet.wallet.sendTransaction({
      to: worker,
      value: GAS_MONEY,
      account: wallet.account,
      chain: null,
    })
    await wallet.client.waitForTransactionReceipt({ hash })
  }
  await attestWorker(own, { worker, tlsKeyHash, pckKey: await ensurePlatform(wallet, quote), block, quote })
}

function listening(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    let said = ''
    const fail = () =>
      reject(
        new CloisterError(
          'chain-unreachable',
          `anvil does not start: ${said.trim().slice(0, 500) || 'it says nothing'}`,
        ),
      )
    const timer = setTimeout(fail, START_MS)
    child.once('error', reject)
    // Once it listens that means nothing any more.
    child.once('close', fail)
    child.stderr?.on('data', (chunk) => {
      said = (said + chunk).slice(-4_000)
    })
    child.stdout?.on('data', (chunk) => {
      said = (said + chunk).slice(-4_000)
      const port = /Listening on [\d.]+:(\d+)/.exec(said)?.[1]
      if (port === undefined) return
      clearTimeout(timer)
      resolve(Number(port))
    })
  })
}
