import type { EndpointOptions } from '../protocol/options.ts'
import { ENGINE_IMAGE, ENGINE_PORT } from './image.ts'

const WEIGHTS_PATH = '/models/weights.gguf'
const MIB = 1024 * 1024
/** What the program itself takes, in MiB. */
const PROGRAM_MIB = 128

export interface LlamaServerOptions {
  /** Digest of the engine's image, as `buildEngineImage` gave it. */
  image: string
  /** A GGUF file, which is sent beside the manifest. */
  weights: { digest: string; bytes: number }
  /** The model's name, as the engine says it. */
  model: string
  /** Tokens of one conversation, and how many conversations are answered at once. */
  contextLength: number
  concurrency: number
  /** Thousandths of a CPU. */
  cpuMilli: number
  /** MiB; enough for small models where it isn't given. */
  memoryMiB?: number
  /** How adventurous answers are where a request doesn't say: 0 is always the likeliest word. */
  temperature?: number
}

/** What an endpoint's options say of an engine that is llama-server. */
export function llamaServer({
  image,
  weights,
  model,
  contextLength,
  concurrency,
  cpuMilli,
  memoryMiB = PROGRAM_MIB + Math.ceil((weights.bytes * 1.5) / MIB),
  temperature,
}: LlamaServerOptions): EndpointOptions['engine'] {
  return {
    image: ENGINE_IMAGE,
    digest: image,
    port: ENGINE_PORT,
    command: [
      ['--model', WEIGHTS_PATH],
      ['--alias', model],
      ['--ctx-size', String(contextLength * concurrency)],
      ['--parallel', String(concurrency)],
      ['--threads', String(Math.max(1, Math.floor(cpuMilli / 1_000)))],
      temperature === undefined ? [] : ['--temp', String(temperature)],
      // What it would show of prompts, or keep of them: nothing but the door asks it.
      ['--no-slots', '--no-ui', '--metrics'],
    ].flat(),
    memoryMiB,
    cpuMilli,
    diskMiB: 64,
    files: [{ path: WEIGHTS_PATH, ...weights }],
  }
}
