import { CloisterError } from '@cloister/core'
import type { EndpointKind, EndpointOptions } from '../protocol/options.ts'

/** Tokens by which an engine's template may make a prompt longer than its bytes. */
const TEMPLATE_TOKENS = 256
/** Answers to one prompt that may be asked for at once. */
const MOST_CHOICES = 128
/** Where an API says how many tokens an answer may have. */
const LIMITS: Record<EndpointKind, readonly string[]> = {
  chat: ['max_completion_tokens', 'max_tokens'],
  completions: ['max_tokens'],
  embeddings: [],
  responses: ['max_output_tokens'],
  messages: ['max_tokens'],
}
/** Other names for that: some engines heed them before the API's own, others pass over them. */
const ENGINES_LIMITS = [...Object.values(LIMITS).flat(), 'max_new_tokens', 'n_predict', 'num_predict']
const OPEN_BRACE = 0x7b
const ASKS_USAGE = Buffer.from('{"stream_options":{"include_usage":true},')

/** What of a request's body matters to whoever passes it on. */
export interface Asked {
  /** The model's name as it was asked for. */
  model: string
  isStream: boolean
  /** The body as the engine gets it: the same bytes, but for `stream_options`. */
  body: Buffer
  /** The engine was asked for the usage of a stream, and whoever asks wasn't going to see it. */
  leavesUsageOut: boolean
  /** Most tokens that an answer may have, and that may be charged. */
  most: { input: number; output: number }
}

/** Reads a request's body. Throws `bad-request` for what no engine would take, `not-found` for a model. */
export function readAsked(kind: EndpointKind, bytes: Buffer, options: EndpointOptions): Asked {
  let json: Record<string, unknown>
  try {
    json = JSON.parse(bytes.toString('utf8'))
  } catch {
    throw new CloisterError('bad-request', 'The body is not JSON.')
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw new CloisterError('bad-request', 'The body is not a JSON object.')
  const { model, stream } = json
  if (typeof model !== 'string')
    throw new CloisterError('bad-request', 'The body has to name a model.', { details: { param: 'model' } })
  if (model !== options.model && !options.aliases?.includes(model))
    throw new CloisterError(
      'not-found',
      `The model ${JSON.stringify(model.slice(0, 128))} is not served here.`,
      {
        details: { param: 'model' },
      },
    )
  const isStream = stream === true
  const asksForUsage = isStream && (kind === 'chat' || kind === 'completions')
  const options_ = json['stream_options']
  const wantsUsage = (options_ as { include_usage?: unknown } | null | undefined)?.include_usage === true
  const { contextLength } = options
  const prompts = promptsOf(kind, json)
  // What was said before is at the engine, and not in the body.
  const goesOn = (json['previous_response_id'] ?? json['conversation'] ?? null) !== null
  return {
    model,
    isStream,
    body: asksForUsage && !wantsUsage ? withUsage(bytes, json) : bytes,
    leavesUsageOut: asksForUsage && !wantsUsage,
    most: {
      input: Math.min(contextLength * prompts, goesOn ? contextLength : bytes.length + TEMPLATE_TOKENS),
      output: kind === 'embeddings' ? 0 : prompts * mostOutput(kind, json, contextLength),
    },
  }
}

/** Prompts that are asked at once: completions and embeddings take a list of them. */
function promptsOf(kind: EndpointKind, json: Record<string, unknown>): number {
  if (kind !== 'completions' && kind !== 'embeddings') return 1
  const lists = [json['prompt'], json['input'], json['content']].filter((value) => Array.isArray(value))
  // A list of numbers is one prompt, of tokens.
  return Math.max(1, ...lists.map((list) => (typeof list[0] === 'number' ? 1 : list.length)))
}

/**
 * The most tokens that an engine may give for one prompt: the largest of all limits in the body, since which
 * of them counts is the engine's business; as many as there is room for where the API's own isn't there.
 */
function mostOutput(kind: EndpointKind, json: Record<string, unknown>, contextLength: number): number {
  const said = (names: readonly string[]) =>
    names.map((name) => json[name] ?? null).filter((value) => value !== null)
  const limits = said([...LIMITS[kind], ...ENGINES_LIMITS])
  const isLimited = said(LIMITS[kind]).length > 0 && limits.every(isPositive)
  const each = isLimited ? Math.min(Math.ceil(Math.max(...limits.map(Number))), contextLength) : contextLength
  return each * Math.max(choicesOf(json['n']), choicesOf(json['best_of']), choicesOf(json['n_cmpl']))
}

function isPositive(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value) && value > 0
}

function choicesOf(value: unknown): number {
  if (value === undefined || value === null) return 1
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > MOST_CHOICES)
    throw new CloisterError('bad-request', `At most ${MOST_CHOICES} answers can be asked for at once.`, {
      details: { param: 'n' },
    })
  return value
}

/** The body, with the engine asked for usage: the bytes stay as they are where they say nothing of it. */
function withUsage(bytes: Buffer, json: Record<string, unknown>): Buffer {
  const said = json['stream_options']
  if (said !== undefined) {
    const options = typeof said === 'object' && said !== null ? said : {}
    return Buffer.from(JSON.stringify({ ...json, stream_options: { ...options, include_usage: true } }))
  }
  const brace = bytes.indexOf(OPEN_BRACE)
  return Buffer.concat([ASKS_USAGE, bytes.subarray(brace + 1)])
}
