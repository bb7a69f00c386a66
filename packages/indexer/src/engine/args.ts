// Arguments of events in the database: JSON, in which whole numbers are decimal strings.
import { CloisterError } from '@cloister/core'
import type { AbiEvent, AbiParameter } from 'viem'

/** Event arguments as JSON: whole numbers as decimal strings, whatever their size. */
export function plain(value: unknown): unknown {
  if (typeof value === 'bigint' || typeof value === 'number') return value.toString()
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]))
  return value
}

/**
 * Arguments as viem decodes them, out of what `plain` made of them. Throws `bad-index` for what is missing.
 */
export function revive(event: AbiEvent, args: Record<string, unknown>): Record<string, unknown> {
  return reviveAll(event.name, event.inputs, args)
}

function reviveAll(
  of: string,
  inputs: readonly AbiParameter[],
  args: Record<string, unknown>,
): Record<string, unknown> {
  return Object.fromEntries(
    inputs.map((input) => {
      const { name = '' } = input
      const value = args[name]
      if (value === undefined || value === null)
        throw new CloisterError('bad-index', `The event ${of} in the index has no argument ${name}.`, {
          hint: 'Delete the database: the index is built again from the chain.',
        })
      return [name, reviveOne(of, input, value)]
    }),
  )
}

function reviveOne(of: string, input: AbiParameter, value: unknown): unknown {
  const list = /^(.*)\[\d*\]$/.exec(input.type)
  if (list) {
    const item = { ...input, type: list[1] ?? '' }
    return (value as unknown[]).map((one) => reviveOne(of, item, one))
  }
  if ('components' in input) return reviveAll(of, input.components, value as Record<string, unknown>)
  const bits = /^u?int(\d*)$/.exec(input.type)?.[1]
  if (bits === undefined) return value
  // viem's rule: what fits into 48 bits is a number.
  return Number(bits || 256) > 48 ? BigInt(String(value)) : Number(value)
}
