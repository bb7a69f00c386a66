/** What cuts a conversation into messages; nothing else is made of them. */
export const CONTROLS = ['<|endoftext|>', '<|im_start|>', '<|im_end|>']
const BYTES_AT = CONTROLS.length
const WORDS_AT = BYTES_AT + 256

/**
 * The longest piece of the vocabulary that fits, again and again, as llama.cpp's `rwkv` tokenizer does it.
 * Every byte is a piece, so that there is nothing that can't be said.
 */
export class Tokenizer {
  readonly pieces: readonly string[]
  readonly #ids: Map<string, number>
  readonly #longest: number

  /** `words` are ASCII, and come after the controls and the 256 bytes. */
  constructor(words: readonly string[]) {
    this.pieces = words
    this.#ids = new Map([
      ...Array.from({ length: 256 }, (_, byte) => [String.fromCharCode(byte), BYTES_AT + byte] as const),
      ...words.map((word, i) => [word, WORDS_AT + i] as const),
      ...CONTROLS.map((control, i) => [control, i] as const),
    ])
    this.#longest = Math.max(...[...CONTROLS, ...words].map(({ length }) => length))
  }

  get size(): number {
    return WORDS_AT + this.pieces.length
  }

  encode(text: string): number[] {
    // Each character is a byte.
    const bytes = Buffer.from(text).toString('latin1')
    const tokens: number[] = []
    for (let at = 0; at < bytes.length; ) {
      let length = Math.min(this.#longest, bytes.length - at)
      let id = this.#ids.get(bytes.slice(at, at + length))
      while (id === undefined) {
        length--
        id = this.#ids.get(bytes.slice(at, at + length))
      }
      tokens.push(id)
      at += length
    }
    return tokens
  }

  decode(tokens: readonly number[]): string {
    const bytes = tokens.map((token) =>
      token < BYTES_AT
        ? CONTROLS[token]
        : token < WORDS_AT
          ? String.fromCharCode(token - BYTES_AT)
          : this.pieces[token - WORDS_AT],
    )
    return Buffer.from(bytes.join(''), 'latin1').toString()
  }
}

/** The `count` most frequent words of texts, with the space before them: what the vocabulary is made of. */
export function frequentWords(texts: Iterable<string>, count: number): string[] {
  const seen = new Map<string, number>()
  for (const text of texts)
    for (const [word] of text.matchAll(/ ?[A-Za-z]+| ?[0-9]| ?[^A-Za-z0-9 ]+/g))
      if (word.length > 1) seen.set(word, (seen.get(word) ?? 0) + 1)
  return [...seen]
    .sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
    .slice(0, count)
    .map(([word]) => word)
}
