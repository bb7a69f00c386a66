import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FeePrices } from '@cloister/chain'
import type { CheckedBid, Cloister } from '@cloister/sdk'
import { showError } from '@cloister/terminal'
import { Command, CommanderError } from 'commander'
import { type Address, zeroAddress } from 'viem'
import { inject, onTestFinished, vi } from 'vitest'
import { wordsOf } from './commands/all.ts'
import type {} from './every-command.ts'

export const ACCOUNT: Address = '0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65'
export const PROVIDER: Address = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8'
export const WORKER: Address = '0x90F79bf6EB2c4f870365E785982E1f101E93b906'
export const USDC: Address = '0x5FbDB2315678afecb367f032d93F642f64180aa3'
export const CLOI_TOKEN: Address = '0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512'
/** One token, in base units. */
export const CLOI = 10n ** 18n
export const TRANSACTION = `0x${'4'.repeat(64)}` as const
export const LEASE = `0x${'7f3a'.padEnd(64, '0')}` as const

/** What a made-up layer 2 takes for transactions. */
export const LAYER2_PRICES: FeePrices = {
  gasPrice: 1_000_000n,
  layer2: {
    upgrade: 'isthmus',
    l1BaseFee: 10n ** 9n,
    blobBaseFee: 1n,
    baseFeeScalar: 5_227n,
    blobBaseFeeScalar: 1_014_213n,
    operatorFeeScalar: 0n,
    operatorFeeConstant: 5n,
  },
}

export const USDC_TOKEN = { symbol: 'USDC', decimals: 6, address: USDC }
const TOKENS = [{ symbol: 'CLOI', decimals: 18, address: CLOI_TOKEN }, USDC_TOKEN]

/** What a command connects to, as far as one test needs it: a made-up network with `parts` of a Cloister. */
export function fakeCloister(
  parts: { index?: object; chain?: object; client?: object; wallet?: undefined } = {},
): Cloister {
  const network = {
    name: 'fake',
    chainId: 1,
    development: true,
    tokens: TOKENS,
    contracts: {},
    attestation: {},
  }
  const wallet = { account: { address: ACCOUNT }, network, client: parts.client }
  // The rest is not asked for; where it is, the test fails there.
  return { network, wallet, ...parts } as unknown as Cloister
}

export interface Printed {
  /** What programs read. */
  out: string
  /** What people read beside it. */
  err: string
}

/** Runs a command to its end and gives what it printed. Throws what it throws. */
export async function printed(run: () => unknown): Promise<Printed> {
  const texts: Printed = { out: '', err: '' }
  const spies = (['stdout', 'stderr'] as const).map((name) =>
    vi.spyOn(process[name], 'write').mockImplementation((text) => {
      texts[name === 'stdout' ? 'out' : 'err'] += String(text)
      return true
    }),
  )
  try {
    await run()
    return texts
  } finally {
    for (const spy of spies) spy.mockRestore()
  }
}

/** What came of a command that was typed. */
export interface Outcome extends Printed {
  exitCode: number
}

/**
 * What somebody sees who types `words` after `cloister`: options are read, the command runs, and an error
 * becomes a sentence and an exit code, as with the program itself. `add` adds the command.
 */
export async function typed(add: (program: Command) => void, ...words: string[]): Promise<Outcome> {
  const program = new Command('cloister').exitOverride()
  add(program)
  program.hook('preAction', (_, action) => noteRun(action))
  const before = process.exitCode
  process.exitCode = 0
  try {
    const texts = await printed(async () => {
      try {
        await program.parseAsync(words, { from: 'user' })
      } catch (error) {
        process.exitCode ||= 1
        if (!(error instanceof CommanderError))
          showError(error, { json: words.includes('--json'), verbose: false })
      }
    })
    return { ...texts, exitCode: Number(process.exitCode) }
  } finally {
    process.exitCode = before
  }
}

/** Keeps that a command was run, for `every-command.ts`: test files run in several processes. */
function noteRun(command: Command): void {
  appendFileSync(join(inject('ranCommands'), String(process.pid)), `${wordsOf(command)}\n`)
}

/** The same, of a command that prints JSON. */
export async function typedJson(add: (program: Command) => void, ...words: string[]) {
  const { out, exitCode } = await typed(add, ...words, '--json')
  return { json: JSON.parse(out), exitCode }
}

/** `typed` and `typedJson` for what stands after the words `before`. */
export function typing(add: (program: Command) => void, ...before: string[]) {
  return {
    run: (...words: string[]) => typed(add, ...before, ...words),
    runJson: (...words: string[]) => typedJson(add, ...before, ...words),
  }
}

/** A folder for one test, with `files` in it; gone when the test is over. */
export function folderWith(files: Record<string, string> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), 'cloister-cli-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  return folder
}

/** The path of a Compose file with one service. */
export function composeFile(image = 'nginx:alpine'): string {
  const limits = '{ cpus: "0.1", memory: 64M }'
  const text = `services:\n  web:\n    image: ${image}\n    ports: ["80"]\n    deploy: { resources: { limits: ${limits} } }\n`
  return join(folderWith({ 'compose.yaml': text }), 'compose.yaml')
}

/** A bid of 0.36 USDC an hour that was checked; `changes` are of the bid itself. */
export function checkedBid(changes: Partial<CheckedBid['bid']> = {}): CheckedBid {
  const room = { cpuMilli: 2000, memoryMiB: 4096, diskMiB: 8192, gpus: 0 }
  return {
    bid: { ratePerSecond: 100n, minimumDeposit: 10_000n, token: USDC, expiry: 1, ...changes },
    lease: LEASE,
    worker: {
      worker: WORKER,
      provider: PROVIDER,
      uptime: 0.5,
      registeredAt: 0,
      attestation: 'simulated',
      ...room,
    },
    report: { name: 'worker-a', free: room, gpuClass: '', isolation: { engine: 'sandbox' } },
    noticeSeconds: 86_400,
    interruptible: false,
  } as unknown as CheckedBid
}

/** The description of a development network with a root of its own: a certificate in base64. */
export function networkOf(root: string) {
  const contracts = ['admission', 'platforms', 'workers', 'market', 'apps', 'keyService', 'stake', 'emission']
  return {
    name: 'fake',
    chainId: 31337,
    rpcUrl: 'http://127.0.0.1:1',
    pollingIntervalMs: 100,
    contracts: Object.fromEntries(
      [...contracts, 'slashing', 'revocationFund', 'safe'].map((name) => [name, zeroAddress]),
    ),
    deployedAt: 0,
    emissionStart: 0,
    tokens: [{ symbol: 'CLOI', decimals: 18, address: zeroAddress }],
    indexerUrl: 'http://127.0.0.1:1',
    gatewayUrl: 'http://127.0.0.1:1',
    attestation: { endorsementsUrl: 'http://127.0.0.1:1', root },
    development: true,
  }
}
