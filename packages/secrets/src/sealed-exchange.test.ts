import { randomBytes } from 'node:crypto'
import { textOf, utf8 } from '@cloister/core'
import fc from 'fast-check'
import { concat } from 'viem'
import { expect, it } from 'vitest'
import { generateKeyPair } from './hpke.ts'
import { openQuestion, sealQuestion } from './sealed-exchange.ts'

async function* pieces(...texts: (string | Uint8Array)[]) {
  for (const text of texts) yield typeof text === 'string' ? utf8(text) : text
}
async function whole(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  for await (const part of source) parts.push(part)
  return concat(parts)
}
const notForUs = { code: 'not-sealed-for-us' }

async function exchange() {
  const { publicKey, privateKey } = await generateKeyPair()
  const asked = await sealQuestion(publicKey, utf8('how are you'), 'test')
  const heard = await openQuestion(privateKey, asked.sealed, 'test')
  return { asked, heard, privateKey }
}

it('carries a question to the key’s holder, and an answer of any length back', async () => {
  const { asked, heard } = await exchange()
  expect(textOf(heard.question)).toBe('how are you')
  const large = randomBytes(40_000)
  const answer = await whole(heard.sealAnswer(pieces('well, ', '', 'thanks ', large)))
  // However the network cuts it.
  for (const size of [1_000_000, 1_000, 97]) {
    const cut = Array.from({ length: Math.ceil(answer.length / size) }, (_, at) =>
      answer.subarray(at * size, (at + 1) * size),
    )
    expect(await whole(asked.openAnswer(pieces(...cut)))).toEqual(concat([utf8('well, thanks '), large]))
  }
})

it('gives pieces as they come, before the answer has ended', async () => {
  const { asked, heard } = await exchange()
  let release = () => {}
  const held = new Promise<void>((resolve) => (release = resolve))
  async function* slow() {
    yield utf8('one')
    await held
    yield utf8('two')
  }
  const answer = asked.openAnswer(heard.sealAnswer(slow()))
  expect(textOf((await answer.next()).value)).toBe('one')
  release()
  expect(textOf((await answer.next()).value)).toBe('two')
  expect((await answer.next()).done).toBe(true)
})

it('opens with no other key, for no other purpose, and not once changed', async () => {
  const { asked, privateKey } = await exchange()
  const other = await generateKeyPair()
  await expect(openQuestion(other.privateKey, asked.sealed, 'test')).rejects.toMatchObject(notForUs)
  await expect(openQuestion(privateKey, asked.sealed, 'another')).rejects.toMatchObject(notForUs)
  await expect(openQuestion(privateKey, new Uint8Array(10), 'test')).rejects.toMatchObject(notForUs)
  await expect(sealQuestion(new Uint8Array(32), utf8('x'), 'test')).rejects.toMatchObject({ code: 'bad-key' })
})

it('is noticed where an answer was changed, cut short, put in another order or is another’s', async () => {
  const { asked, heard, privateKey } = await exchange()
  const parts: Uint8Array[] = []
  for await (const part of heard.sealAnswer(pieces('one', 'two'))) parts.push(part)
  const [salt, one, two, end] = parts as [Uint8Array, Uint8Array, Uint8Array, Uint8Array]
  const opened = (...frames: Uint8Array[]) => whole(asked.openAnswer(pieces(...frames)))
  expect(textOf(await opened(salt, one, two, end))).toBe('onetwo')
  for (const frames of [[], [salt], [salt, one], [salt, one, end], [salt, two, one, end], [salt, one, two]])
    await expect(opened(...frames)).rejects.toMatchObject(notForUs)
  await expect(opened(salt, one, two, end, one)).rejects.toMatchObject(notForUs)
  const again = await openQuestion(privateKey, asked.sealed, 'test')
  const replayed: Uint8Array[] = []
  for await (const part of again.sealAnswer(pieces('one'))) replayed.push(part)
  // A question that is answered twice is so under two keys.
  expect(replayed[1]).not.toEqual(one)
  await expect(opened(salt, replayed[1] as Uint8Array, end)).rejects.toMatchObject(notForUs)
  const answer = concat([salt, one, two, end])
  await fc.assert(
    fc.asyncProperty(fc.nat(answer.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
      const changed = Uint8Array.from(answer, (byte, index) => (index === at ? byte ^ flip : byte))
      await expect(opened(changed)).rejects.toMatchObject(notForUs)
    }),
    { numRuns: 60 },
  )
})
