import type { EndpointKind } from '../protocol/options.ts'

/** Tokens of one answer, as the engine counted them. `cached` is a part of `input`. */
export interface Usage {
  input: number
  cached: number
  output: number
}

const MOST = 2 ** 40

/**
 * The usage that an engine's JSON says, in the form of that API: at the top, or in the `response` (Responses)
 * or `message` (Messages) of an event. Undefined where it says none.
 */
export function usageOf(kind: EndpointKind, json: unknown): Usage | undefined {
  const top = recordOf(json)
  const said = recordOf(top?.['usage'] ?? recordOf(top?.['response'] ?? top?.['message'])?.['usage'])
  if (!said) return undefined
  if (kind === 'messages') {
    // Anthropic counts apart what came out of the cache and what went into it.
    const cached = count(said['cache_read_input_tokens'])
    const input = count(said['input_tokens']) + cached + count(said['cache_creation_input_tokens'])
    return { input, cached, output: count(said['output_tokens']) }
  }
  const names = kind === 'responses' ? (['input', 'output'] as const) : (['prompt', 'completion'] as const)
  const input = count(said[`${names[0]}_tokens`])
  const details = recordOf(said[`${names[0]}_tokens_details`])
  const cached = Math.min(count(details?.['cached_tokens']), input)
  return { input, cached, output: count(said[`${names[1]}_tokens`]) }
}

/** Two words of one engine on the same answer: each number only grows. */
export function laterUsage(before: Usage | undefined, now: Usage): Usage {
  if (!before) return now
  const input = Math.max(before.input, now.input)
  return {
    input,
    cached: Math.min(Math.max(before.cached, now.cached), input),
    output: Math.max(before.output, now.output),
  }
}

function count(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? Math.min(value, MOST) : 0
}

function recordOf(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined
}
