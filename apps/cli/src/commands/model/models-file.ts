import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { findToken, type Network } from '@cloister/chain'
import { CloisterError, isLeaseName, parseAmount, parsePolicy } from '@cloister/core'
import type { Asking, WantedEndpoint } from '@cloister/sdk'
import * as z from 'zod'
import { secondsOf } from '../../durations.ts'
import { writeOutput } from '../../output-file.ts'
import { payee } from '../../payee.ts'
import { hashOf, newAccessToken } from './access-token.ts'
import type { OnFetched } from './hub-file.ts'
import { endpointFrom, readObject } from './options-file.ts'

const DEFAULT_AHEAD = '1d'
const MAX_KEY_CHARACTERS = 200

/** In whole tokens; YAML has them as numbers. */
const amount = z.union([z.string().max(100), z.number().min(0)]).transform(String)
const word = z.string().min(1).max(300)

const Price = z.strictObject({
  token: word.default('USDC'),
  input: amount,
  cached: amount.optional(),
  output: amount,
  payee: word.optional(),
})

/** One model. What it has beside these are its endpoint's options. */
const Entry = z.looseObject({
  name: word.optional(),
  model: word,
  price: Price.optional(),
  /** True, or the file that has the key. */
  private: z.union([z.boolean(), word]).default(false),
  worker: word.optional(),
  ahead: word.default(DEFAULT_AHEAD),
  pay: word.default('USDC'),
  maxPrice: amount.optional(),
  policy: word.optional(),
})

const ModelsFile = z.strictObject({ models: z.array(Entry).max(100) })

/** A key of a private endpoint, and where it is kept. */
interface AccessToken {
  path: string
  token: string
}

export interface ReadModels {
  wanted: WantedEndpoint[]
  /** Keys of private endpoints that no file has yet. */
  newTokens: AccessToken[]
}

/**
 * Reads which models are to be served, and how. Prices are in whole tokens for a million tokens of the model,
 * `maxPrice` for an hour. Writes nothing. Throws `no-file`, `bad-file`, `bad-config`, `bad-amount`, and what
 * an entry's parts throw.
 */
export async function readModels(path: string, network: Network, onFetched?: OnFetched): Promise<ReadModels> {
  const parsed = ModelsFile.safeParse(readObject(path))
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw new CloisterError(
      'bad-config',
      `${path} is wrong at ${issue?.path.join('.') || 'its root'}: ${issue?.message}.`,
      { hint: 'See docs/inference.md for an example.' },
    )
  }
  const read: ReadModels = { wanted: [], newTokens: [] }
  for (const entry of parsed.data.models) {
    const { name: said, price, private: isPrivate, worker, ahead, pay, maxPrice, policy, ...options } = entry
    const name = said ?? nameFor(entry.model)
    if ((price === undefined) !== (isPrivate !== false))
      throw new CloisterError('bad-config', `${name} has to have a price, or to be private.`, {
        hint: 'For nothing: price: { input: 0, output: 0 }',
      })
    const keyPath = isPrivate === true ? `${name}.key` : isPrivate
    const key = keyPath === false ? undefined : keyAt(resolve(dirname(resolve(path)), keyPath))
    if (key?.isNew) read.newTokens.push(key)
    const tokenHash = key && hashOf(key.token)
    const { endpoint, contents } = await endpointFrom(options, path, network, tokenHash, onFetched)
    read.wanted.push({
      name,
      options: endpoint,
      contents,
      offer: price && askingFrom(price, network),
      pay: findToken(network, pay).symbol,
      aheadSeconds: secondsOf(ahead),
      worker,
      policy: parsePolicy(policy ?? '', network.development),
      // Rounded down: the ceiling is the ceiling.
      maxRatePerSecond:
        maxPrice === undefined ? undefined : parseAmount(maxPrice, findToken(network, pay).decimals) / 3600n,
    })
  }
  return read
}

/** Keeps keys where their owner reads them, before anything knows their hashes. Throws `no-file`. */
export function keepTokens(tokens: readonly AccessToken[]): void {
  for (const { path, token } of tokens) writeOutput(path, `${token}\n`, { mode: 0o600, flag: 'wx' })
}

/** `Qwen/Qwen3-8B` → `qwen-qwen3-8b`. Throws `bad-name` where that makes no name. */
function nameFor(model: string): string {
  const name = model
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 32)
    .replace(/^-|-$/g, '')
  if (isLeaseName(name)) return name
  throw new CloisterError('bad-name', `Nothing says what the lease of ${model.slice(0, 100)} is called.`, {
    hint: 'Give it a `name` in the file.',
  })
}

function askingFrom({ token, input, cached, output, payee: paid }: z.infer<typeof Price>, network: Network) {
  const { symbol, decimals } = findToken(network, token)
  const asking: Asking = {
    token: symbol,
    input: parseAmount(input, decimals),
    cached: parseAmount(cached ?? input, decimals),
    output: parseAmount(output, decimals),
    payee: paid === undefined ? undefined : payee(paid, 'cloister wallet list'),
  }
  return asking
}

/** The key that a file has; a new one where there is no such file. */
function keyAt(path: string): AccessToken & { isNew: boolean } {
  try {
    const token = readFileSync(path, 'utf8').slice(0, MAX_KEY_CHARACTERS).trim()
    if (token.length < 16)
      throw new CloisterError('bad-key', `${path} has no key: at least 16 characters.`, {
        hint: 'Remove it to have one made.',
      })
    return { path, token, isNew: false }
  } catch (error) {
    if (error instanceof CloisterError) throw error
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      throw new CloisterError('no-file', `${path} can not be read.`, { cause: error })
    return { path, token: newAccessToken(), isNew: true }
  }
}
