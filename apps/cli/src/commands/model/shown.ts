import type { Network } from '@cloister/chain'
import { showAmount } from '@cloister/core'
import type { InferenceReceipt, ReceiptOutcome, VerifiedEndpoint } from '@cloister/sdk'
import { paint, printable } from '@cloister/terminal'
import type { Address } from 'viem'
import { money, short } from '../../show.ts'

const PRICE_PLACES = 6

/** A price for a million tokens; `free` where it is nothing. */
export function price(network: Network, token: Address, amount: bigint): string {
  return amount === 0n ? 'free' : money(network, token, amount, PRICE_PLACES)
}

/** What a verified endpoint is, in a line. */
export function endpointLine(endpoint: VerifiedEndpoint): string {
  const { options, worker, lease, simulated, engine } = endpoint
  const where = engine === 'inside' ? '' : `, ${paint('red', 'engine outside of the machine')}`
  return `${paint('green', '✔')} ${printable(options.model)} on worker ${short(worker)}, lease ${lease.slice(2, 18)}: evidence holds${where}${mark(simulated)}`
}

/** The receipt of an answer, in a line. */
export function receiptLine(network: Network, outcome: ReceiptOutcome): string {
  const { endpoint, receipt, problem } = outcome
  if (problem) return `${paint('red', '✘')} no receipt that holds: ${printable(problem.message)}`
  const { details, charge } = receipt
  const parts = [
    `${printable(details.model)} on ${short(endpoint.worker)}`,
    `${charge.input} tokens in, ${charge.output} out`,
    costOf(network, receipt, endpoint),
    details.id,
  ]
  const isWhole = details.outcome === 'complete' ? '' : ` (${details.outcome})`
  return `${paint('green', '✔')} ${parts.join(' · ')}${isWhole}${mark(endpoint.simulated)}`
}

function costOf(network: Network, { charge }: InferenceReceipt, { offer }: VerifiedEndpoint): string {
  if (charge.amount === '0') return 'free'
  const token = network.tokens.find(({ address }) => address === offer?.token)
  return token ? showAmount(BigInt(charge.amount), token, token.decimals) : `${charge.amount} base units`
}

function mark(simulated: boolean): string {
  return simulated ? ` ${paint('yellow', '(simulated)')}` : ''
}

/** The same as JSON has it. */
export function outcomeJson({ endpoint, receipt, problem }: ReceiptOutcome) {
  const { lease, worker, simulated } = endpoint
  return { lease, worker, simulated, ...(receipt ? { receipt } : { problem: problem?.message }) }
}
