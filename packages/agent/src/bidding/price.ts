import { execFile } from 'node:child_process'
import type { Token } from '@cloister/chain'
import { CloisterError, type Order, parseAmount, rateForHourlyPrice } from '@cloister/core'
import { z } from 'zod'
import type { AgentConfig } from '../config.ts'

const MIB_PER_GIB = 1024n
const SCRIPT_MS = 2_000

const Answer = z.union([z.strictObject({ ratePerSecond: z.string().regex(/^\d{1,24}$/) }), z.strictObject({ decline: z.string().max(200) })])

/** Base units of `token` per second that the configuration asks for an order. Throws `no-bid` with the reason. */
export function priceOrder(order: Order, token: Token, config: AgentConfig): bigint | Promise<bigint> {
  return config.bidScript === undefined ? listPrice(order, token, config) : scriptPrice(config.bidScript, order)
}

/** The sum over the price list, rounded up to a whole base unit per second. */
function listPrice({ resources }: Order, token: Token, { prices, capacity }: Pick<AgentConfig, 'prices' | 'capacity'>): bigint {
  const list = prices[token.symbol]
  if (!list) throw noBid(`It does not take ${token.symbol}.`)
  const unit = (price: string) => parseAmount(price, token.decimals)
  const gpu = list.gpu[capacity.gpuClass]
  if (resources.gpus > 0 && gpu === undefined) throw noBid(`It has no price for ${capacity.gpuClass || 'GPUs'}.`)
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

function scriptPrice(script: string, order: Order): Promise<bigint> {
  return new Promise((resolve, reject) => {
    const child = execFile(script, { timeout: SCRIPT_MS, maxBuffer: 64 * 1024, env: { PATH: process.env['PATH'] } }, (error, stdout) => {
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
      resolve(rate > 0n ? rate : 1n)
    })
    child.stdin?.on('error', () => {})
    child.stdin?.end(JSON.stringify(order))
  })
}

/** Why a worker does not bid, in a sentence. */
export function noBid(message: string, cause?: unknown): CloisterError {
  return new CloisterError('no-bid', message, cause === undefined ? {} : { cause })
}
