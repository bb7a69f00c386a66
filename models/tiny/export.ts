// Makes a GGUF file of what the trainer wrote, and a description of it: `node models/tiny/export.ts FOLDER
// models/tiny` writes tiny.gguf and tiny.json there.
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { TEMPLATE } from './chat.ts'
import { CORPUS } from './corpus.ts'
import { quantize, type Tensor, type Value, writeGguf } from './gguf.ts'
import { CONTROLS, Tokenizer } from './tokenizer.ts'

interface Trained {
  dimensions: Record<'width' | 'layers' | 'heads' | 'inner' | 'context' | 'vocabulary' | 'epsilon', number>
  tensors: [name: string, shape: number[]][]
  steps: number
  seconds: number
  /** By step, the mean of the twenty before it. */
  losses: Record<string, number>
}

/** Kinds of tokens, by the file's numbers. */
const NORMAL = 1
const CONTROL = 3

const [folder = 'build', target = folder] = process.argv.slice(2)
const trained = JSON.parse(readFileSync(join(folder, 'weights.json'), 'utf8')) as Trained
const { dimensions, tensors } = trained
const words = JSON.parse(readFileSync(join(folder, 'words.json'), 'utf8')) as string[]
const file = writeGguf({ ...ofModel(), ...ofTokenizer() }, [...read()])
writeFileSync(join(target, 'tiny.gguf'), file)
const sizes = tensors.map(([, shape]) => shape.reduce((product, size) => product * size, 1))
const description = {
  digest: `sha256:${createHash('sha256').update(file).digest('hex')}`,
  bytes: file.length,
  parameters: sizes.reduce((sum, size) => sum + size, 0),
  contextLength: dimensions.context,
  corpus: { ...CORPUS, ...(JSON.parse(readFileSync(join(folder, 'corpus.json'), 'utf8')) as object) },
  training: {
    steps: trained.steps,
    processorSeconds: trained.seconds,
    lossAfter100Steps: trained.losses['100'],
    loss: Object.values(trained.losses).at(-1),
  },
}
writeFileSync(join(target, 'tiny.json'), `${JSON.stringify(description, undefined, 2)}\n`)

function ofModel(): Record<string, Value> {
  const { width, layers, heads, inner, context, vocabulary, epsilon } = dimensions
  return {
    'general.architecture': 'llama',
    'general.name': 'Cloister Tiny',
    'general.license': 'apache-2.0',
    'general.alignment': { u32: 32 },
    'general.file_type': { u32: 7 },
    'llama.context_length': { u32: context },
    'llama.embedding_length': { u32: width },
    'llama.block_count': { u32: layers },
    'llama.feed_forward_length': { u32: inner },
    'llama.attention.head_count': { u32: heads },
    'llama.attention.head_count_kv': { u32: heads },
    'llama.attention.layer_norm_rms_epsilon': { f32: epsilon },
    'llama.rope.dimension_count': { u32: width / heads },
    'llama.rope.freq_base': { f32: 10_000 },
    'llama.vocab_size': { u32: vocabulary },
  }
}

function ofTokenizer(): Record<string, Value> {
  const tokens = [
    ...CONTROLS,
    ...Array.from({ length: 256 }, (_, byte) => `\\x${byte.toString(16).padStart(2, '0')}`),
    ...new Tokenizer(words).pieces.map((piece) => piece.replaceAll('\\', '\\\\')),
  ]
  return {
    'tokenizer.ggml.model': 'rwkv',
    'tokenizer.ggml.tokens': tokens,
    'tokenizer.ggml.token_type': { i32: tokens.map((_, i) => (i < CONTROLS.length ? CONTROL : NORMAL)) },
    'tokenizer.ggml.bos_token_id': { u32: CONTROLS.indexOf('<|endoftext|>') },
    'tokenizer.ggml.eos_token_id': { u32: CONTROLS.indexOf('<|im_end|>') },
    'tokenizer.ggml.eot_token_id': { u32: CONTROLS.indexOf('<|im_end|>') },
    'tokenizer.ggml.add_bos_token': false,
    'tokenizer.chat_template': TEMPLATE,
  }
}

/** Matrices in eight bits, vectors as they are. */
function* read(): Generator<Tensor> {
  const bytes = readFileSync(join(folder, 'weights.bin'))
  let at = 0
  for (const [name, shape] of tensors) {
    const count = shape.reduce((product, size) => product * size, 1)
    const data = bytes.subarray(at, at + count * 4)
    at += data.length
    // Interleaved rotary embeddings are what files of Llama's shape have, so nothing is reordered.
    const isMatrix = shape.length > 1
    const numbers = new Float32Array(Uint8Array.from(data).buffer)
    yield { name, shape, type: isMatrix ? 'Q8_0' : 'F32', data: isMatrix ? quantize(numbers) : data }
  }
}
