// Writes what the trainer reads: `node models/tiny/prepare.ts FOLDER [DIALOGUES]`.
// tokens.bin has uint16 tokens of all dialogues; learned.bin a byte for each, 1 where the model has to say
// it; lengths.bin the uint16 length of each dialogue; words.json the vocabulary; corpus.json the digest of
// the whole text.
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { turns } from './chat.ts'
import { CORPUS, dialogues, textOf } from './corpus.ts'
import { frequentWords, Tokenizer } from './tokenizer.ts'

const CONTEXT = 512
const [folder = 'build', count = String(CORPUS.dialogues)] = process.argv.slice(2)
mkdirSync(folder, { recursive: true })

const all = [...dialogues(Number(count))]
const words = frequentWords(plain(), CORPUS.words)
const tokenizer = new Tokenizer(words)
const tokens: number[] = []
const learned: number[] = []
const lengths: number[] = []
for (const one of all) {
  const before = tokens.length
  for (const turn of turns(one))
    for (const token of tokenizer.encode(turn.text)) {
      tokens.push(token)
      learned.push(turn.learned ? 1 : 0)
    }
  const length = tokens.length - before
  if (length > CONTEXT) {
    tokens.length = before
    learned.length = before
  } else lengths.push(length)
}
writeFileSync(join(folder, 'tokens.bin'), Uint16Array.from(tokens))
writeFileSync(join(folder, 'learned.bin'), Uint8Array.from(learned))
writeFileSync(join(folder, 'lengths.bin'), Uint16Array.from(lengths))
writeFileSync(join(folder, 'words.json'), JSON.stringify(words))
const hash = createHash('sha256')
for (const one of all) hash.update(textOf(one))
const digest = `sha256:${hash.digest('hex')}`
writeFileSync(
  join(folder, 'corpus.json'),
  JSON.stringify({ dialogues: all.length, tokens: tokens.length, digest }),
)
process.stdout.write(
  `${all.length} dialogues, ${lengths.length} of them fit, ${tokens.length} tokens, ${tokenizer.size} pieces\n`,
)

function* plain(): Generator<string> {
  for (const one of all) yield textOf(one).replaceAll(/<\|\w+\|>/g, '')
}
