import {
  CloisterError,
  formatDuration,
  type Manifest,
  parseAmount,
  parseByteValueMiB,
  parseCpuMilli,
  parsePolicy,
  resizeManifest,
  resourcesOf,
  type SizeChange,
  secondsAffordable,
} from '@cloister/core'
import { leases, type ResizeOffer } from '@cloister/sdk'
import { note, paint, Steps, say, sayJson } from '@cloister/terminal'
import { confirm } from '../../ask.ts'
import { connect } from '../../context.ts'
import { secondsOf } from '../../durations.ts'
import { readManifestFile } from '../../manifest-file.ts'
import { loginsFor } from '../../registry-logins.ts'
import { sealedFrom } from '../../secret-options.ts'
import { hintingAsTyped, hourly, money, resources } from '../../show.ts'
import type { ResizeOptions } from './options.ts'

export async function runResize(
  key: string,
  file: string | undefined,
  options: ResizeOptions,
): Promise<void> {
  const cloister = connect(options)
  const { network } = cloister
  const json = options.json === true
  const change = changeOf(options)
  if (change && file !== undefined)
    throw new CloisterError('bad-option', 'Name a file, or say sizes; a file has its own.')
  if (options.timeout !== undefined) secondsOf(options.timeout)
  const policy = options.policy === undefined ? undefined : parsePolicy(options.policy, network.development)
  const steps = new Steps(json)
  try {
    steps.begin('bids', 'asking the worker for a bid')
    const running = await leases.manifestOf(cloister, key).catch((error) => {
      if (change) throw error
      return undefined
    })
    const parsed = change ? undefined : await readManifestFile(file, options, json)
    const manifest = change && running ? resizeManifest(running, change) : parsed?.manifest
    if (!manifest) throw new CloisterError('not-found', 'No manifest runs on the lease.')
    const { token } = await leases.findLease(cloister, key)
    const decimals = network.tokens.find(({ address }) => address === token)?.decimals ?? 0
    // Rounded down: the ceiling is the ceiling.
    const ceiling =
      options.maxPrice === undefined ? undefined : parseAmount(options.maxPrice, decimals) / 3600n
    const offer = await leases.resizeBid(cloister, key, manifest, { policy, maxRatePerSecond: ceiling })
    steps.done()
    const asks = !json && options.yes !== true
    if (!json) {
      show(offer, running, options.add)
      if (asks && !(await confirm('Resize the lease?')))
        throw new CloisterError('cancelled', 'Nothing was changed.')
    }
    const envelope = parsed && (await sealedFrom(cloister, options, parsed.sealedFiles))
    steps.begin('update')
    const resized = await leases.resize(cloister, key, manifest, {
      offer,
      // What was shown was agreed to.
      maxRatePerSecond: ceiling ?? (asks ? offer.bid.ratePerSecond : undefined),
      added: addedBy(options, offer),
      policy,
      onStep: (detail) => steps.begin('update', detail),
      envelope,
      logins: parsed && loginsFor(parsed, options),
      contents: parsed?.contents,
      timeoutMs: options.timeout === undefined ? undefined : secondsOf(options.timeout) * 1000,
    })
    steps.done()
    if (json) return sayJson(resized)
    if (!resized.transaction && !resized.handedOver) return say('The lease has that size and price already.')
    say(
      `${paint('green', '●')} The lease has ${resources(offer.order.resources)}, for ${hourly(network, offer.token.address, resized.ratePerSecond)} an hour.`,
    )
    if (change) say(paint('dim', '  Put the new size into your file as well: the next update goes by that.'))
  } catch (error) {
    steps.fail()
    throw hintingAsTyped(key, error)
  }

  /** What it has and costs, before and then. */
  function show(
    { bid, before, order, token, balance, leastAdded }: ResizeOffer,
    running: Manifest | undefined,
    add: string | undefined,
  ) {
    const added = add === undefined ? leastAdded : parseAmount(add, token.decimals)
    const price = (rate: bigint) => `${hourly(network, token.address, rate)} an hour`
    note('')
    if (running) note(`  now   ${resources(resourcesOf(running))}, ${price(before.ratePerSecond)}`)
    else note(`  now   ${price(before.ratePerSecond)}`)
    note(`  then  ${resources(order.resources)}, ${price(bid.ratePerSecond)}`)
    note('')
    const lasts = formatDuration(Number(secondsAffordable(balance + added, bid.ratePerSecond)))
    const holds = money(network, token.address, balance + added)
    if (added === 0n) note(`The lease holds ${holds}, which lasts ${lasts} then.`)
    else
      note(
        `${money(network, token.address, added)} is added; the lease holds ${holds} then, which lasts ${lasts}.`,
      )
    if (leastAdded > 0n && add === undefined) note('The worker asks that it holds that much.')
  }
}

/** What was shown and agreed to; where nobody was asked, what is ordinary. */
function addedBy({ add, yes, json }: ResizeOptions, { token, leastAdded }: ResizeOffer): bigint | undefined {
  if (add !== undefined) return parseAmount(add, token.decimals)
  return yes === true || json === true ? undefined : leastAdded
}

function changeOf({ cpu, memory, disk, gpus, service, volume }: ResizeOptions): SizeChange | undefined {
  if ([cpu, memory, disk, gpus].every((size) => size === undefined)) {
    if (service === undefined && volume === undefined) return undefined
    throw new CloisterError(
      'bad-option',
      'Say what is to have another size: --cpu, --memory, --disk or --gpus.',
    )
  }
  return {
    service,
    volume,
    ...(cpu !== undefined && { cpuMilli: parseCpuMilli(cpu) }),
    ...(memory !== undefined && { memoryMiB: parseByteValueMiB(memory) }),
    ...(disk !== undefined && { diskMiB: parseByteValueMiB(disk) }),
    ...(gpus !== undefined && { gpus: wholeNumber(gpus) }),
  }
}

function wholeNumber(text: string): number {
  if (/^\d{1,4}$/.test(text)) return Number(text)
  throw new CloisterError(
    'bad-option',
    `--gpus takes a whole number, not ${JSON.stringify(text.slice(0, 40))}.`,
  )
}
