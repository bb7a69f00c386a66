import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { CloisterError, formatDuration, hashManifest, secondsAffordable, shortId } from '@cloister/core'
import { type Cloister, leases, type PauseOffer } from '@cloister/sdk'
import { note, paint, Steps, say, sayJson } from '@cloister/terminal'
import type { Hex } from 'viem'
import { confirm } from '../../ask.ts'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import { readManifestFile } from '../../manifest-file.ts'
import type { ManifestOptions } from '../../options.ts'
import { hourly, money, resources } from '../../show.ts'

export async function runPause(key: string, options: Globals): Promise<void> {
  const cloister = connect(options)
  const steps = new Steps(options.json === true)
  try {
    steps.begin('bids', 'asking the worker for a bid')
    const { lease } = await leases.findLease(cloister, key)
    const offer = await leases.pauseBid(cloister, lease)
    steps.done()
    if (!(await agrees(cloister, offer, 'Stop its containers and keep its volumes?', options)))
      throw new CloisterError('cancelled', 'Nothing was changed.')
    // What is run again is what was paused here, whatever its worker says then.
    writePaused(lease, hashManifest(offer.manifest))
    steps.begin('close', 'stopping, and making it smaller')
    const paused = await leases.pause(cloister, lease, offer)
    steps.done()
    if (options.json) return sayJson(paused)
    say(
      `Paused ${shortId(lease)}. Its volumes stay, for ${hourly(cloister.network, offer.token.address, paused.ratePerSecond)} an hour.`,
    )
    say(paint('dim', `  cloister resume ${shortId(lease)}    cloister close ${shortId(lease)}`))
  } catch (error) {
    steps.fail()
    throw error
  }
}

export async function runResume(
  key: string,
  file: string | undefined,
  options: Globals & ManifestOptions,
): Promise<void> {
  const cloister = connect(options)
  const json = options.json === true
  const steps = new Steps(json)
  try {
    const { lease } = await leases.findLease(cloister, key)
    const expected =
      file === undefined
        ? readPaused(lease)
        : hashManifest((await readManifestFile(file, options, json)).manifest)
    steps.begin('bids', 'asking the worker for a bid')
    const offer = await leases.resumeBid(cloister, lease, expected)
    steps.done()
    if (!(await agrees(cloister, offer, 'Run it again?', options)))
      throw new CloisterError('cancelled', 'Nothing was changed.')
    steps.begin('start', 'starting')
    const resumed = await leases.resume(cloister, lease, offer, {
      onStep: (detail) => steps.begin('start', detail),
    })
    rmSync(pausedPath(lease), { force: true })
    steps.done()
    if (json) return sayJson(resumed)
    say(
      `${paint('green', '●')} ${shortId(lease)} runs again, for ${hourly(cloister.network, offer.token.address, resumed.ratePerSecond)} an hour.`,
    )
  } catch (error) {
    steps.fail()
    throw error
  }
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

function writePaused(lease: Hex, manifestHash: Hex): void {
  const path = pausedPath(lease)
  mkdirSync(join(path, '..'), { recursive: true, mode: 0o700 })
  writeFileSync(path, `${manifestHash}\n`, { mode: 0o600, flush: true })
}

function readPaused(lease: Hex): Hex {
  try {
    const text = readFileSync(pausedPath(lease), 'utf8').trim()
    if (/^0x[0-9a-f]{64}$/.test(text)) return text as Hex
  } catch {
    // It was paused elsewhere, or isn't.
  }
  throw new CloisterError('not-found', `The lease ${shortId(lease)} was not paused from here.`, {
    hint: 'Name the file that ran when it was paused: cloister resume LEASE compose.yaml',
  })
}
