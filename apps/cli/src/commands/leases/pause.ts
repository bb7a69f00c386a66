import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import {
  CloisterError,
  formatDuration,
  hashManifest,
  parseAmount,
  secondsAffordable,
  shortId,
} from '@cloister/core'
import { type Cloister, leases, type PauseOffer } from '@cloister/sdk'
import { note, paint, Steps, say, sayJson } from '@cloister/terminal'
import type { Hex } from 'viem'
import { confirm } from '../../ask.ts'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import { readManifestFile } from '../../manifest-file.ts'
import type { ManifestOptions } from '../../options.ts'
import { asTyped, hourly, money, resources } from '../../show.ts'

/** Options of `resume`. */
type ResumeOptions = Globals & ManifestOptions & { maxPrice?: string }

export async function runPause(key: string, options: Globals): Promise<void> {
  const cloister = connect(options)
  const steps = new Steps(options.json === true)
  try {
    steps.begin('bids', 'asking the worker for a bid')
    const { lease } = await leases.findLease(cloister, key)
    const offer = await leases.pauseBid(cloister, lease)
    steps.done()
    if (offer.isPaused && !options.json) {
      say(
        `${asTyped(key, lease)} is paused already, for ${hourly(cloister.network, offer.token.address, offer.before.ratePerSecond)} an hour.`,
      )
      return sayNext(key, lease)
    }
    if (!(await agrees(cloister, offer, 'Stop its containers and keep its volumes?', options)))
      throw new CloisterError('cancelled', 'Nothing was changed.')
    // What is run again is what was paused here, whatever its worker says then.
    if (!offer.isPaused) writePaused(lease, offer)
    steps.begin('stop', 'stopping, and making it smaller')
    const paused = await leases.pause(cloister, lease, offer, agreedTo(offer, options))
    steps.done()
    if (options.json) return sayJson(paused)
    say(
      `Paused ${asTyped(key, lease)}. Its volumes stay, for ${hourly(cloister.network, offer.token.address, paused.ratePerSecond)} an hour.`,
    )
    sayNext(key, lease)
  } catch (error) {
    steps.fail()
    throw error
  }
}

export async function runResume(
  key: string,
  file: string | undefined,
  options: ResumeOptions,
): Promise<void> {
  const cloister = connect(options)
  const json = options.json === true
  const steps = new Steps(json)
  try {
    const { lease, token } = await leases.findLease(cloister, key)
    const known = readPaused(lease)
    if (!known && file === undefined) throw notPausedHere(lease)
    const expected =
      file === undefined
        ? (known?.manifestHash as Hex)
        : hashManifest((await readManifestFile(file, options, json)).manifest)
    const maxRatePerSecond = ceilingOf(cloister, token, known, options)
    steps.begin('bids', 'asking the worker for a bid')
    const offer = await leases.resumeBid(cloister, lease, expected, { maxRatePerSecond })
    steps.done()
    if (!(await agrees(cloister, offer, 'Run it again?', options)))
      throw new CloisterError('cancelled', 'Nothing was changed.')
    steps.begin('start', 'starting')
    const resumed = await leases.resume(cloister, lease, offer, {
      ...agreedTo(offer, options),
      onStep: (detail) => steps.begin('start', detail),
    })
    rmSync(pausedPath(lease), { force: true })
    steps.done()
    if (json) return sayJson(resumed)
    say(
      `${paint('green', '●')} ${asTyped(key, lease)} runs again, for ${hourly(cloister.network, offer.token.address, resumed.ratePerSecond)} an hour.`,
    )
  } catch (error) {
    steps.fail()
    throw error
  }
}

function sayNext(key: string, lease: Hex): void {
  say(paint('dim', `  cloister resume ${asTyped(key, lease)}    cloister close ${asTyped(key, lease)}`))
}

/** Shows what it has and costs then, and asks whether it may be so. */
async function agrees(
  { network }: Cloister,
  { bid, before, order, token, balance, leastAdded }: PauseOffer,
  question: string,
  { json, yes }: Globals,
): Promise<boolean> {
  if (json) return true
  const price = (rate: bigint) => `${hourly(network, token.address, rate)} an hour`
  const lasts = formatDuration(Number(secondsAffordable(balance + leastAdded, bid.ratePerSecond)))
  note('')
  note(`  now   ${price(before.ratePerSecond)}`)
  note(`  then  ${resources(order.resources)}, ${price(bid.ratePerSecond)}`)
  note('')
  if (leastAdded > 0n) note(`${money(network, token.address, leastAdded)} is added, as the worker asks.`)
  note(`The lease holds ${money(network, token.address, balance + leastAdded)} then, which lasts ${lasts}.`)
  return yes === true || confirm(question)
}

function pausedPath(lease: Hex): string {
  return join(process.env['CLOISTER_HOME'] ?? join(homedir(), '.cloister'), 'paused', lease)
}

/** What was shown and agreed to; where nobody was asked, what is ordinary. */
function agreedTo({ leastAdded }: PauseOffer, { json, yes }: Globals): { added?: bigint } {
  return json === true || yes === true ? {} : { added: leastAdded }
}

/**
 * Base units per second that it may cost again: what is said, or, where nobody is asked, what it cost before.
 * Its worker has the volumes, and could ask for anything.
 */
function ceilingOf(
  { network }: Cloister,
  token: string,
  known: Paused | undefined,
  { maxPrice, json, yes }: ResumeOptions,
): bigint | undefined {
  const decimals = network.tokens.find(({ address }) => address === token)?.decimals ?? 0
  // Rounded down: the ceiling is the ceiling.
  if (maxPrice !== undefined) return parseAmount(maxPrice, decimals) / 3600n
  if (json !== true && yes !== true) return undefined
  if (known) return known.ratePerSecond
  throw new CloisterError('bad-option', 'Nobody here knows what the lease cost before it was paused.', {
    hint: 'Say the most that it may cost an hour, --max-price; or leave --yes and --json out.',
  })
}

/** What is kept of a lease that was paused from here. */
interface Paused {
  manifestHash: Hex
  /** What it cost. */
  ratePerSecond: bigint
}

function writePaused(lease: Hex, { manifest, before }: PauseOffer): void {
  const path = pausedPath(lease)
  mkdirSync(join(path, '..'), { recursive: true, mode: 0o700 })
  const line = `${hashManifest(manifest)} ${before.ratePerSecond}\n`
  writeFileSync(path, line, { mode: 0o600, flush: true })
}

function readPaused(lease: Hex): Paused | undefined {
  try {
    const [, manifestHash, rate] =
      /^(0x[0-9a-f]{64}) (\d{1,78})$/.exec(readFileSync(pausedPath(lease), 'utf8').trim()) ?? []
    if (manifestHash && rate) return { manifestHash: manifestHash as Hex, ratePerSecond: BigInt(rate) }
  } catch {
    // It was paused elsewhere, or isn't.
  }
  return undefined
}

function notPausedHere(lease: Hex): CloisterError {
  return new CloisterError('not-found', `The lease ${shortId(lease)} was not paused from here.`, {
    hint: 'Name the file that ran when it was paused: cloister resume LEASE compose.yaml',
  })
}
