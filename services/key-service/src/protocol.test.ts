import { createHash } from 'node:crypto'
import { CloisterError } from '@cloister/core'
import { generateKeyPair, open, seal } from '@cloister/secrets'
import { workloadFreshness } from '@cloister/workload/wire'
import fc from 'fast-check'
import type { Hex } from 'viem'
import { describe, expect, it } from 'vitest'
import { exchangeData, releaseContext, releaseFreshness } from './protocol.ts'

const APP: Hex = `0x${'a1'.repeat(32)}`
const OTHER: Hex = `0x${'b2'.repeat(32)}`
const isNotForUs = (error: unknown) => error instanceof CloisterError && error.code === 'not-sealed-for-us'

describe('what an instance gives out', () => {
  it('keys that were given out open for what they were asked for: no other app, lease, manifest or question', async () => {
    const question = { app: APP, lease: OTHER, manifestHash: APP, challenge: OTHER, transportKey: '' }
    const transport = await generateKeyPair()
    const answer = await seal([transport.publicKey], Buffer.from('keys'), releaseContext(question))
    expect(Buffer.from(await open([transport.privateKey], answer, releaseContext(question))).toString()).toBe(
      'keys',
    )
    for (const context of [
      releaseContext({ ...question, app: OTHER }),
      releaseContext({ ...question, lease: APP }),
      releaseContext({ ...question, manifestHash: OTHER }),
      releaseContext({ ...question, challenge: APP }),
      'release',
      'exchange',
      'secrets',
      '',
    ])
      await expect(open([transport.privateKey], answer, context), context).rejects.toSatisfy(isNotForUs)
    await fc.assert(
      fc.asyncProperty(fc.nat(answer.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
        const changed = Uint8Array.from(answer, (byte, index) => (index === at ? byte ^ flip : byte))
        await expect(open([transport.privateKey], changed, releaseContext(question))).rejects.toSatisfy(
          isNotForUs,
        )
      }),
    )
  })
})

describe('what quotes are bound to', () => {
  it('is SHA-256 over the purpose, a zero byte and the parts', () => {
    const transportKey = Buffer.alloc(32, 3)
    const hash = createHash('sha256').update('cloister key exchange\0')
    for (const part of [Buffer.of(2), Buffer.from(APP.slice(2), 'hex'), transportKey]) hash.update(part)
    expect(exchangeData({ seat: 2, challenge: APP, transportKey: transportKey.toString('base64') })).toBe(
      `0x${hash.digest('hex')}`,
    )
  })

  it('differs by purpose and by every part of the question', () => {
    const question = {
      app: APP,
      lease: OTHER,
      manifestHash: APP,
      challenge: APP,
      transportKey: Buffer.alloc(32, 1).toString('base64'),
    }
    const digests = [
      releaseFreshness(question),
      releaseFreshness({ ...question, app: OTHER }),
      releaseFreshness({ ...question, lease: APP }),
      releaseFreshness({ ...question, manifestHash: OTHER }),
      releaseFreshness({ ...question, challenge: OTHER }),
      releaseFreshness({ ...question, transportKey: Buffer.alloc(32, 2).toString('base64') }),
      workloadFreshness(APP, OTHER, APP),
      exchangeData({ seat: 0, challenge: APP, transportKey: question.transportKey }),
      exchangeData({ seat: 1, challenge: APP, transportKey: question.transportKey }),
    ]
    expect(new Set(digests).size).toBe(digests.length)
  })
})
