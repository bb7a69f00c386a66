import { findToken, type Network } from '@cloister/chain'
import { formatDuration } from '@cloister/core'
import type { EndpointStep, FoundEndpoint, ModelsPlan, PlannedEndpoint, WantedEndpoint } from '@cloister/sdk'
import { paint, printable, table } from '@cloister/terminal'
import type { Address } from 'viem'
import { hourly, money, short } from '../../show.ts'
import { price } from './shown.ts'

/** What is, what shall be, and what is to be done about it; then what nobody can do anything about here. */
export function planTable(network: Network, { endpoints, prune }: ModelsPlan): string {
  const rows = endpoints.map((endpoint) => [
    printable(endpoint.name),
    endpoint.found ? isNow(network, endpoint.found) : 'not there',
    shallBe(network, endpoint, prune),
    endpoint.steps.map((step) => sayStep(network, step)).join('; ') || paint('dim', 'nothing'),
  ])
  const problems = endpoints.flatMap(({ name, problem }) =>
    problem === undefined ? [] : [`${paint('yellow', '!')} ${printable(name)}: ${printable(problem)}`],
  )
  return [table(['name', 'is', 'shall be', 'to do'], rows), ...problems].join('\n')
}

function isNow(network: Network, { offer, worker, secondsLeft }: FoundEndpoint): string {
  const offered = offer ? prices(network, offer.token, offer) : 'offered to nobody'
  return `${offered}, on ${short(worker)}, paid for ${formatDuration(secondsLeft)}`
}

function shallBe(network: Network, { wanted, steps }: PlannedEndpoint, prune: boolean): string {
  if (!wanted) return prune || steps.length > 0 ? 'not in the file' : 'not in the file: --prune closes it'
  const { offer, worker, aheadSeconds } = wanted
  const offered = offer ? prices(network, findToken(network, offer.token).address, offer) : offeredTo(wanted)
  const where = worker === undefined ? 'anywhere' : `on ${printable(worker)}`
  return `${offered}, ${where}, paid ${formatDuration(aheadSeconds)} ahead`
}

function offeredTo({ options }: WantedEndpoint): string {
  return options.tokenHash === undefined ? 'offered to nobody' : 'private'
}

function prices(
  network: Network,
  token: Address,
  { input, cached, output }: { input: bigint; cached: bigint; output: bigint },
): string {
  return [input, cached, output].map((amount) => price(network, token, amount)).join(' / ')
}

function sayStep(network: Network, step: EndpointStep): string {
  switch (step.do) {
    case 'open': {
      if (!step.bid) return paint('red', 'open a lease: nobody bids')
      const { worker, token, ratePerSecond, deposit } = step.bid
      return `open a lease on ${short(worker)}, ${hourly(network, token, ratePerSecond)} an hour, deposit ${money(network, token, deposit)}`
    }
    case 'top-up':
      return `pay in ${money(network, step.token, step.amount)}`
    case 'update':
      return 'update what runs'
    case 'resize':
      return 'update what runs, with another size'
    case 'offer':
      return 'offer it'
    case 'end-offer':
      return `end the offer of ${step.lease.slice(2, 18)}`
    case 'close':
      return paint('red', `close ${step.lease.slice(2, 18)}`)
  }
}

/** The same as JSON has it. */
export function planJson({ endpoints }: ModelsPlan) {
  return endpoints.map(({ name, wanted, found, steps, problem }) => ({
    name,
    lease: found?.lease,
    worker: found?.worker,
    model: wanted?.options.model ?? found?.offer?.model,
    steps,
    ...(problem !== undefined && { problem }),
  }))
}
