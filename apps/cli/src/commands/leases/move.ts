import { findToken } from '@cloister/chain'
import { CloisterError, formatDuration, formatMiB, secondsAffordable, shortId } from '@cloister/core'
import { type Cloister, leases } from '@cloister/sdk'
import { note, paint, printable, Steps, say, sayJson } from '@cloister/terminal'
import { confirm } from '../../ask.ts'
import { connect } from '../../context.ts'
import { dnsFrom } from '../../dns-options.ts'
import { secondsOf } from '../../durations.ts'
import { readManifestFile } from '../../manifest-file.ts'
import { moveJournal } from '../../move-journal.ts'
import { loginsFor } from '../../registry-logins.ts'
import { sealedFrom } from '../../secret-options.ts'
import { asTyped, hourly, money, short } from '../../show.ts'
import { terms } from './bid-terms.ts'
import { wantedDeposit } from './deploy.ts'
import type { DeployOptions } from './options.ts'

export async function runMove(
  key: string,
  file: string | undefined,
  options: DeployOptions & { to?: string },
): Promise<void> {
  const cloister = connect(options)
  const { network } = cloister
  const json = options.json === true
  const dns = dnsFrom(options)
  const asked = terms({ ...options, ...(options.to !== undefined && { provider: options.to }) }, network)
  const deposit = wantedDeposit(options, findToken(network, asked.pay))
  const asks = !json && options.yes !== true
  const steps = new Steps(json)
  try {
    steps.begin('bids')
    const parsed =
      file === undefined && options.file === undefined
        ? await running(cloister, key, options.to)
        : await readManifestFile(file, options, json)
    const envelope = await sealedFrom(cloister, options, parsed.sealedFiles)
    const moved = await leases.move(cloister, key, {
      ...asked,
      manifest: parsed.manifest,
      contents: parsed.contents,
      envelope,
      logins: loginsFor(parsed, options),
      dns,
      deposit,
      journal: moveJournal(),
      timeoutMs: options.timeout === undefined ? undefined : secondsOf(options.timeout) * 1000,
      onStep: (step, detail) => steps.begin(step, detail),
      ...(asks && {
        agree: ({ bid, worker }, amount) => {
          steps.done()
          note(
            `${short(worker.worker)} takes ${hourly(network, bid.token, bid.ratePerSecond)} an hour. Deposit ${money(network, bid.token, amount)}: lasts ${formatDuration(Number(secondsAffordable(amount, bid.ratePerSecond)))}. What is left of the old lease is paid back.`,
          )
          return confirm('Move the lease there?')
        },
      }),
    })
    steps.done()
    if (json) return sayJson(moved)
    const { downtimeMs, totalMs, sentBytes, sentWhileStoppedBytes } = moved
    say(
      `${paint('green', '●')} ${asTyped(key, moved.from)} runs on ${short(moved.worker)} as ${shortId(moved.to)}, after ${seconds(totalMs)}.`,
    )
    say(
      `  ${downtimeMs === undefined ? 'It was stopped before.' : `Nothing ran for ${seconds(downtimeMs)}.`} ${size(sentBytes)} were sent, ${size(sentWhileStoppedBytes)} of it meanwhile.`,
    )
    for (const [service, url] of Object.entries(moved.url))
      say(`  ${printable(service).padEnd(10)} ${paint(['bold', 'cyan'], printable(url))}`)
  } catch (error) {
    steps.fail()
    throw error
  }
}

/**
 * What runs on a lease that is moved, or on the one that it is being moved to. Throws `not-sent` where it
 * takes what only its file has.
 */
async function running(cloister: Cloister, key: string, to: string | undefined) {
  const { lease } = await leases.findLease(cloister, key)
  const manifest = await leases.manifestOf(cloister, lease).catch((error) => {
    const begun = moveJournal().read(lease)
    if (begun?.step !== 'closing') throw error
    return leases.manifestOf(cloister, begun.to)
  })
  try {
    leases.checkContents(manifest, [])
  } catch (cause) {
    throw new CloisterError('not-sent', 'What runs takes images or folders that were sent beside it.', {
      hint: `Name the file that it was deployed with: cloister move ${asTyped(key, lease)} compose.yaml${to === undefined ? '' : ` --to ${to}`}`,
      cause,
    })
  }
  return { manifest, contents: [], logins: [], sealedFiles: {} }
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}

function size(bytes: number): string {
  return formatMiB(Math.ceil(bytes / 1024 ** 2))
}
