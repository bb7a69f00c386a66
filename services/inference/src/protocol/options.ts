import { CloisterError, DIGEST_PATTERN } from '@cloister/core'
import * as z from 'zod'

/** What an endpoint may serve, by the path that clients ask. */
export const ENDPOINT_PATHS = {
  chat: '/v1/chat/completions',
  completions: '/v1/completions',
  embeddings: '/v1/embeddings',
  responses: '/v1/responses',
  messages: '/v1/messages',
} as const
export const EndpointKind = z.enum(['chat', 'completions', 'embeddings', 'responses', 'messages'])
export type EndpointKind = z.infer<typeof EndpointKind>

const digest = z.string().regex(DIGEST_PATTERN)
const word = z
  .string()
  .max(16_384)
  .regex(/^[^\0]*$/)
const mib = z
  .int()
  .min(1)
  .max(1 << 30)
/** A model's name as requests have it: `qwen3-8b`, `meta-llama/Llama-3.1-8B`. */
export const ModelName = z.string().regex(/^[\x21-\x7e]{1,128}$/, 'not a name of 1 to 128 characters')

/** A file that the engine finds in its container; its bytes are sent beside the manifest. */
const EngineFile = z.strictObject({
  path: z.string().regex(/^\/(?!(?:.*\/)?\.\.(?:\/|$))[^\p{Cc}:]{0,1023}$/su, 'not a path in a container'),
  digest,
  bytes: z
    .int()
    .min(0)
    .max(2 ** 40),
})

/** An OpenAI-compatible program that runs beside the door, in the same lease. */
const EngineImage = z.strictObject({
  /** The image's name, without digest: `cloister/llama-server:1`, `docker.io/vllm/vllm-openai`. */
  image: z.string().regex(/^[\x21-\x3f\x41-\x7e]{1,300}$/, 'not the name of an image'),
  digest,
  /** Replaces the image's command. */
  command: z.array(word).max(256).optional(),
  env: z.record(z.string().regex(/^[^=\p{Cc}]{1,255}$/u), word).optional(),
  /** Where it answers HTTP. */
  port: z.int().min(1).max(65_535),
  memoryMiB: mib,
  /** Thousandths of a CPU. */
  cpuMilli: z.int().min(1).max(1_024_000),
  diskMiB: mib.optional(),
  shmMiB: mib.optional(),
  gpus: z
    .strictObject({
      count: z.int().min(1).max(64),
      vendor: z.string().regex(/^[a-z0-9-]{1,32}$/),
      /** Models that would do; any of the vendor's where there is none. */
      models: z.array(z.string().regex(/^[a-z0-9._-]{1,32}$/)).max(32),
    })
    .optional(),
  files: z.array(EngineFile).max(256).optional(),
})

/** An engine elsewhere: what the door sends it leaves the attested machine. */
const EngineUrl = z.strictObject({
  url: z.url({ protocol: /^https?$/ }).max(500),
})

/**
 * All that makes up an endpoint. It is published with the offer on chain; `inferenceManifest` makes of it the
 * manifest whose hash the lease has, so that evidence about the lease proves each field.
 */
export const EndpointOptions = z
  .strictObject({
    version: z.literal(1),
    /** Digest of the image `cloister/inference:1`. */
    door: digest,
    engine: z.union([EngineImage, EngineUrl]),
    /** The model's name as requests have it. */
    model: ModelName,
    /** Further names that mean it. */
    aliases: z.array(ModelName).max(16).optional(),
    /** SHA-256 of the weights, and where they are from. */
    weights: z.strictObject({ digest, url: z.url().max(500).optional() }).optional(),
    /** Tokens of prompt and answer together. */
    contextLength: z.int().min(1).max(100_000_000),
    /** Requests that the engine is given at once; as many again wait. */
    concurrency: z.int().min(1).max(10_000),
    endpoints: z.array(EndpointKind).min(1).max(5),
    /** Of a private endpoint: SHA-256 of the token that its users send, in hex. Nothing is billed. */
    tokenHash: z
      .string()
      .regex(/^0x[0-9a-f]{64}$/)
      .optional(),
  })
  .superRefine(({ model, aliases = [], endpoints }, context) => {
    if (new Set([model, ...aliases]).size < aliases.length + 1)
      context.addIssue({ code: 'custom', path: ['aliases'], message: 'a name is there twice' })
    if (new Set(endpoints).size < endpoints.length)
      context.addIssue({ code: 'custom', path: ['endpoints'], message: 'a kind is there twice' })
  })
export type EndpointOptions = z.infer<typeof EndpointOptions>

/** Longest options in JSON: they are in an event of the chain, and in a manifest. */
export const MAX_OPTIONS_BYTES = 32 * 1024

/** Reads options from JSON text of anybody's. Throws `bad-config` naming the first field that is wrong. */
export function readEndpointOptions(text: string): EndpointOptions {
  if (text.length > MAX_OPTIONS_BYTES)
    throw new CloisterError('bad-config', `An endpoint’s options have at most ${MAX_OPTIONS_BYTES} bytes.`)
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw new CloisterError('bad-config', 'An endpoint’s options are not JSON.', { cause })
  }
  return checkEndpointOptions(json)
}

/**
 * Checks a value against the shape of options. Throws `bad-config`.
 *
 * @example
 * ```ts
 * import { models } from '@cloister/sdk'
 *
 * const options = models.checkOptions(JSON.parse(text))
 * ```
 */
export function checkEndpointOptions(value: unknown): EndpointOptions {
  const parsed = EndpointOptions.safeParse(value)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw new CloisterError(
    'bad-config',
    `An endpoint’s options are wrong at ${issue?.path.join('.') || 'their root'}: ${issue?.message}.`,
  )
}
