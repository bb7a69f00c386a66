import { describe, expect, it } from 'vitest'
import { hashHeader, parseHeader } from './header.ts'

describe('a block’s hash', () => {
  it('is Polkadot’s for the header of its first block', () => {
    // Everybody knows it: wallets tell the network by it.
    const header = {
      parentHash: `0x${'00'.repeat(32)}`,
      number: '0x0',
      stateRoot: '0x29d0d972cd27cbc511e9589fcb7a4506d5eb6a9e8df205f00472e5ab354a4e17',
      extrinsicsRoot: '0x03170a2e7597b7b7e3d84c05391d139a62b157e78786d8c082f29dcf4c111314',
      digest: { logs: [] },
    } as const
    expect(hashHeader({ ...header, digest: { logs: [] } })).toBe(
      '0x91b171bb158e2d3848fa23a9f1c25182fb8e20313b2c1eb49219da7a70ce90c3',
    )
  })

  it('is of no header whose parts only look like texts', () => {
    const hash = `0x${'12'.repeat(32)}`
    const header = {
      parentHash: hash,
      number: '0x1',
      stateRoot: hash,
      extrinsicsRoot: hash,
      digest: { logs: [] },
    }
    expect(parseHeader(header)).toEqual(header)
    for (const name of ['parentHash', 'number', 'stateRoot', 'extrinsicsRoot'] as const)
      expect(() => parseHeader({ ...header, [name]: [header[name]] }), name).toThrow('no header')
    const deep = JSON.parse('['.repeat(50_000) + ']'.repeat(50_000))
    expect(() => parseHeader({ ...header, number: deep })).toThrow('no header')
  })
})
