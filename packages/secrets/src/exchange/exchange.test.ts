import { createCipheriv } from 'node:crypto'
import { textOf, utf8 } from '@cloister/core'
import fc from 'fast-check'
import { concat } from 'viem'
import { expect, it } from 'vitest'
import { generateKeyPair } from '../hpke.ts'
import * as node from './node.ts'
import * as web from './web.ts'

async function whole(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  for await (const part of source) parts.push(part)
  return concat(parts)
}
async function* pieces(...parts: Uint8Array[]) {
  yield* parts
}

it.each([
  ['a page', 'a program', web, node],
  ['a program', 'a page', node, web],
  ['a program', 'a program', node, node],
])('what %s seals, %s opens, and so is the answer', async (_, __, asker, answerer) => {
  const { publicKey, privateKey } = await generateKeyPair()
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 200 }),
      fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 4 }),
      fc.string(),
      async (question, answer, context) => {
        const asked = await asker.sealQuestion(publicKey, question, context)
        const heard = await answerer.openQuestion(privateKey, asked.sealed, context)
        expect(new Uint8Array(heard.question)).toEqual(question)
        const opened = await whole(asked.openAnswer(heard.sealAnswer(pieces(...answer))))
        expect(new Uint8Array(opened)).toEqual(concat(answer))
      },
    ),
    { numRuns: 15 },
  )
})

it('an answer that is sealed by hand is one like others', async () => {
  const { publicKey, privateKey } = await generateKeyPair()
  const large = new Uint8Array(70_000).fill(7)
  const asked = await web.sealQuestion(publicKey, utf8('how are you'), 'test')
  const { question, startAnswer } = node.openQuestionAtOnce(
    new node.RecipientKey(privateKey),
    asked.sealed,
    'test',
  )
  expect(textOf(question)).toBe('how are you')
  const sealer = startAnswer()
  const frames = [sealer.salt, sealer.seal(utf8('well')), sealer.seal(large), sealer.end()]
  expect(await whole(asked.openAnswer(pieces(...frames)))).toEqual(concat([utf8('well'), large]))
  await expect(whole(asked.openAnswer(pieces(...frames.slice(0, 3))))).rejects.toMatchObject({
    code: 'not-sealed-for-us',
  })
})

it('a key that gives everybody the same secret is none', async () => {
  // RFC 7748, section 6.1: points of low order.
  const zero = new Uint8Array(32)
  await expect(node.sealQuestion(zero, utf8('x'), 'test')).rejects.toMatchObject({ code: 'bad-key' })
  const { privateKey } = await generateKeyPair()
  const cipher = createCipheriv('aes-256-gcm', zero, new Uint8Array(12))
  const sealed = concat([zero, cipher.update('x'), cipher.final(), cipher.getAuthTag()])
  await expect(node.openQuestion(privateKey, sealed, 'test')).rejects.toMatchObject({
    code: 'not-sealed-for-us',
  })
})
