import { findToken, type Network, type Token, TRANSACTIONS } from '@cloister/chain'
import {
  CloisterError,
  formatDuration,
  isLeaseName,
  LEASE_NAME_RULE,
  parseAmount,
  secondsAffordable,
  shortId,
} from '@cloister/core'
import {
  type AskedDeposit,
  type CheckedBid,
  type Cloister,
  type LastLines,
  leases,
  walletOf,
} from '@cloister/sdk'
import { note, paint, printable, Steps, say, sayJson } from '@cloister/terminal'
import type { Hex } from 'viem'
import { agreement } from '../../agree.ts'
import { confirm } from '../../ask.ts'
import { collectorsFrom } from '../../collectors.ts'
import { connect } from '../../context.ts'
import { layer2Cost, sayCost } from '../../costs.ts'
import { dnsFrom } from '../../dns-options.ts'
import { secondsOf } from '../../durations.ts'
import { readManifestFile } from '../../manifest-file.ts'
import { loginsFor } from '../../registry-logins.ts'
import { sealedFrom, takesSecrets } from '../../secret-options.ts'
import { attestation, hourly, money, short } from '../../show.ts'
import { fillFrom } from '../../snapshots/fill.ts'
import { bidTable, terms } from './bid-terms.ts'
import { deployGroup } from './deploy-group.ts'
import { sayRecords } from './domain-records.ts'
import type { DeployOptions } from './options.ts'

const DEFAULT_SECONDS = 24n * 3600n

export async function runDeploy(file: string | undefined, options: DeployOptions): Promise<void> {
  const cloister = connect(options)
  const { network } = cloister
  const json = options.json === true
  if (options.name !== undefined && !isLeaseName(options.name))
    throw new CloisterError(
      'bad-name',
      `${JSON.stringify(options.name.slice(0, 60))} can't be the name of a lease.`,
      {
        hint: `Use ${LEASE_NAME_RULE}.`,
      },
    )
  // What can't be read is told of before anybody is asked for a bid.
  if (options.timeout !== undefined) secondsOf(options.timeout)
  const collectors = options.logsTo && collectorsFrom(options.logsTo, options)
  const dns = dnsFrom(options)
  const parsed = await readManifestFile(file, options, json)
  const { manifest, name: ownName } = parsed
  const wished = options.name ?? ownName
  const asked = terms(options, network)
  const wanted = wantedDeposit(options, findToken(network, asked.pay))
  if (parsed.spread !== undefined)
    return deployGroup(cloister, { parsed, replicas: parsed.spread, name: wished, deposit: wanted }, options)
  const steps = new Steps(json)
  const fill =
    options.from === undefined
      ? undefined
      : await fillFrom(options.from, manifest, options, (detail) => steps.begin('manifest', detail))
  try {
    if (takesSecrets(options) || Object.keys(parsed.sealedFiles).length > 0)
      steps.begin('secrets', 'checking the key service and sealing')
    const envelope = await sealedFrom(cloister, options, parsed.sealedFiles)
    leases.checkSecrets(manifest, envelope)
    const logins = loginsFor(parsed, options)
    const begun = performance.now()
    steps.begin('bids', 'asking workers for bids')
    const found = await leases.bids(cloister, { manifest, ...asked })
    const [cheapest] = found.bids
    if (!cheapest) throw leases.noBids(found)
    steps.done()
    const bidMs = Math.round(performance.now() - begun)
    const asks = !json && options.yes !== true
    const best = found.bids.find((bid) => !leases.depositProblem(bid, wanted, found.token, asks))
    if (!best) throw leases.depositProblem(cheapest, wanted, found.token, asks)
    const [cost] = await Promise.all([
      layer2Cost(cloister.chain, [TRANSACTIONS.open], { json }),
      leases.requireMoney(cloister, best.bid.token, leases.depositFor(best, wanted)),
    ])
    if (!json) {
      note('')
      note(bidTable(found, best))
      const amount = leases.depositFor(best, wanted)
      note('')
      note(
        `Deposit ${money(network, best.bid.token, amount)}: lasts ${formatDuration(Number(secondsAffordable(amount, best.bid.ratePerSecond)))} at ${hourly(network, best.bid.token, best.bid.ratePerSecond)} an hour. What is not used is paid back.`,
      )
      if (cost) note(sayCost(cost))
      if (leases.isUnexpected(best, wanted, found.token))
        note(
          `${paint('yellow', '!', process.stderr)} The worker takes no smaller deposit, and this is more than you asked for.`,
        )
      else if (typeof wanted === 'function' && amount > wanted(best))
        note('The worker takes no smaller deposit.')
      await tellOfTheOther(cloister, wished)
      if (asks && !(await confirm('Open the lease?')))
        throw new CloisterError('cancelled', 'Nothing was opened.')
    }
    const started = performance.now()
    const deployed = await leases.deploy(cloister, {
      manifest,
      contents: parsed.contents,
      bids: found,
      ...asked,
      deposit: wanted,
      agree: agreement(options, best, (chosen, deposit) => agrees(steps, network, chosen, deposit)),
      name: wished,
      envelope,
      logins,
      collectors,
      dns,
      fill,
      keepFailed: options.keep === true,
      timeoutMs: options.timeout === undefined ? undefined : secondsOf(options.timeout) * 1000,
      onStep: (step, detail) => steps.begin(step, detail),
    })
    steps.done()
    const timings = {
      ...deployed.timings,
      bids: bidMs,
      total: Math.round(performance.now() - started) + bidMs,
    }
    // Names go to the first open lease that wishes for one.
    const record =
      wished === undefined ? undefined : await cloister.index.lease(deployed.lease).catch(() => undefined)
    const name = record?.name
    if (json) return sayJson({ ...deployed, name, timings, cost })
    const called = name ?? shortId(deployed.lease)
    say('')
    if (record && name !== wished)
      note(
        `${paint('yellow', '!', process.stderr)} An open lease is called ${wished} already. This one is next in line; use its id until then.`,
      )
    say(
      `${paint('green', '●')} ${paint('bold', called)} runs on ${short(deployed.worker)} (${attestation(deployed.attestation)}), ready after ${(timings.total / 1000).toFixed(2)} s.`,
    )
    for (const route of deployed.routes) {
      say(
        `  ${printable(route.service).padEnd(10)} ${paint(['bold', 'cyan'], printable(route.loopbackUrl ?? route.url))}`,
      )
      for (const other of [route.namedUrl, route.loopbackUrl && route.url])
        if (other) say(`  ${''.padEnd(10)} ${paint('cyan', printable(other))}`)
    }
    if (sayRecords(cloister, manifest, { lease: deployed.lease, wishedName: wished }))
      say(paint('dim', `  cloister domains ${called}`))
    say('')
    say(
      paint(
        'dim',
        `  cloister status ${called}    cloister verify ${called}    cloister logs ${called} -f    cloister close ${called}`,
      ),
    )
  } catch (error) {
    steps.fail()
    if (!json) showLastLines(error)
    throw error
  }
}

/** Says so where the account has an open lease of that name: whoever deploys again may mean to update it. */
async function tellOfTheOther(cloister: Cloister, wished: string | undefined): Promise<void> {
  if (wished === undefined) return
  const { account } = walletOf(cloister)
  const { items } = await cloister.index.leases({ tenant: account.address, open: true, limit: 200 })
  if (!items.some(({ wishedName }) => wishedName === wished)) return
  note(
    `${paint('yellow', '!', process.stderr)} You have an open lease called ${wished}. This is another one; to change that one, type: cloister update ${wished}`,
  )
}

/** What the container printed last that a failed deployment is about. */
export function showLastLines(error: unknown): void {
  if (!(error instanceof CloisterError)) return
  const last = error.details['last'] as LastLines | undefined
  const lease = error.details['lease']
  if (last) {
    note(paint('dim', `Last lines of ${printable(last.container)}:`, process.stderr))
    for (const line of last.lines) note(`  ${printable(line)}`)
  }
  if (typeof lease !== 'string') return
  const id = shortId(lease as Hex)
  const more = `More, for a day also after the end: cloister logs ${id}, cloister status ${id}, cloister events ${id}`
  note(paint('dim', more, process.stderr))
}

/** What was agreed to was the first bid; another one that costs more is asked about. */
function agrees(steps: Steps, network: Network, { bid }: CheckedBid, deposit: bigint): Promise<boolean> {
  steps.done()
  note('')
  note(
    `The first bid came to nothing. The next is ${hourly(network, bid.token, bid.ratePerSecond)} an hour, with a deposit of ${money(network, bid.token, deposit)}.`,
  )
  return confirm('Open the lease there?')
}

/** What a lease is opened with, as `--deposit` or `--for` says. */
export function wantedDeposit({ deposit, for: lasting }: DeployOptions, token: Token): AskedDeposit {
  if (deposit !== undefined && lasting !== undefined)
    throw new CloisterError('bad-option', 'Say --deposit or --for, not both.')
  if (deposit !== undefined) {
    const amount = parseAmount(deposit, token.decimals)
    if (amount === 0n) throw new CloisterError('bad-amount', 'A deposit has to be more than nothing.')
    return amount
  }
  const seconds = lasting === undefined ? DEFAULT_SECONDS : BigInt(secondsOf(lasting))
  if (seconds === 0n) throw new CloisterError('bad-option', '--for has to be longer than nothing.')
  return (chosen) => chosen.bid.ratePerSecond * seconds
}
