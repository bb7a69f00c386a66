import { execFile } from 'node:child_process'
import type { Token } from '@cloister/chain'
import { CloisterError, type Order, parseAmount, rateForHourlyPrice } from '@cloister/core'
import * as z from 'zod'
import type { AgentConfig } from '../config.ts'
import { takenBy } from './capacity.ts'

const MIB_PER_GIB = 1024n
const SCRIPT_MS = 2_000

const Units = z.string().regex(/^\d{1,24}$/)
const Answer = z.union([
  z.strictObject({ ratePerSecond: Units, minimumDeposit: Units.optional() }),
  z.strictObject({ decline: z.string().max(200) }),
])

/** What an order costs, in base units of its token. */
export interface Price {
  ratePerSecond: bigint
  /** What the lease has to be opened with, at least. */
  minimumDeposit: bigint
}

/**
 * What the configuration asks for an order: a rate and the least deposit, which lasts `smallest.seconds` and
 * is no less than the token's `minimumDeposit` or what the pricing program says. `percent` of the rate is
 * asked for. Throws `no-bid` with the reason.
 */
export async function priceOrder(
  order: Order,
  token: Token,
  config: AgentConfig,
  percent = 100,
): Promise<Price> {
  const listed = config.prices[token.symbol]?.minimumDeposit ?? '0'
  const asked: Partial<Price> & Pick<Price, 'ratePerSecond'> =
    config.bidScript === undefined
      ? { ratePerSecond: listPrice(order, token, config) }
      : await scriptPrice(config.bidScript, order)
  const { minimumDeposit = parseAmount(listed, token.decimals) } = asked
  const ratePerSecond = (asked.ratePerSecond * BigInt(percent) + 99n) / 100n
  const lasting = ratePerSecond * BigInt(config.smallest.seconds)
  return { ratePerSecond, minimumDeposit: lasting > minimumDeposit ? lasting : minimumDeposit }
}

/**
 * The sum over the price list, with what works for the lease beside its containers, rounded up to a whole
 * base unit per second.
 */
function listPrice(
  order: Order,
  token: Token,
  { prices, capacity }: Pick<AgentConfig, 'prices' | 'capacity'>,
): bigint {
  const resources = takenBy(order.resources)
  const list = prices[token.symbol]
  if (!list) throw noBid(`It does not take ${token.symbol}.`)
  const unit = (price: string) => parseAmount(price, token.decimals)
  const gpu = list.gpu[capacity.gpuClass]
  if (resources.gpus > 0 && gpu === undefined)
    throw noBid(`It has no price for ${capacity.gpuClass || 'GPUs'}.`)
  // In thousandths of a CPU and MiB; one common divisor, so that nothing is rounded before the end.
  const perHour =
    (unit(list.cpu) * BigInt(resources.cpuMilli) * MIB_PER_GIB +
      unit(list.memoryGiB) * BigInt(resources.memoryMiB) * 1000n +
      unit(list.diskGiB) * BigInt(resources.diskMiB) * 1000n +
      unit(gpu ?? '0') * BigInt(resources.gpus) * 1000n * MIB_PER_GIB +
      1000n * MIB_PER_GIB -
      1n) /
    (1000n * MIB_PER_GIB)
  return rateForHourlyPrice(perHour)
}

function scriptPrice(
  script: string,
  order: Order,
): Promise<{ ratePerSecond: bigint; minimumDeposit?: bigint }> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      script,
      { timeout: SCRIPT_MS, maxBuffer: 64 * 1024, env: { PATH: process.env['PATH'] } },
      (error, stdout) => {
        if (error) return reject(noBid('Its pricing program failed.', error))
        let json: unknown
        try {
          json = JSON.parse(stdout)
        } catch (cause) {
          return reject(noBid('Its pricing program gave no answer.', cause))
        }
        const answer = Answer.safeParse(json)
        if (!answer.success) return reject(noBid('Its pricing program gave no answer.'))
        if ('decline' in answer.data) return reject(noBid(answer.data.decline))
        const rate = BigInt(answer.data.ratePerSecond)
        const { minimumDeposit } = answer.data
        resolve({
          ratePerSecond: rate > 0n ? rate : 1n,
          ...(minimumDeposit !== undefined && { minimumDeposit: BigInt(minimumDeposit) }),
        })
      },
    )
    child.stdin?.on('error', () => {})
    child.stdin?.end(JSON.stringify(order))
  })
}

/** Why a worker does not bid, in a sentence. */
export function noBid(message: string, cause?: unknown): CloisterError {
  return new CloisterError('no-bid', message, cause === undefined ? {} : { cause })
}
