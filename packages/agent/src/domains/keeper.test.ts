import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseManifest } from '@cloister/core'
import type { Hex } from 'viem'
import { expect, it } from 'vitest'
import { Store } from '../store.ts'
import { DomainKeeper } from './keeper.ts'

it('has places left for others, however many domains of a lease nobody answers for', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'cloister-keeper-'))
  const store = new Store(join(folder, 'worker.db'))
  try {
    const open = (digit: string, domains: string[]) => {
      const id: Hex = `0x${digit.repeat(64)}`
      const { manifest } = parseManifest(
        `services: { web: { image: a, ports: ["80"], x-domains: [${domains}] } }`,
        { file: 'compose.yaml' },
      )
      store.saveLease({
        ...{ id, tenant: `0x${'11'.repeat(20)}`, state: 'open', restarts: {}, openedAt: Number(digit) },
        resources: { cpuMilli: 1, memoryMiB: 1, diskMiB: 1, gpus: 0 },
        running: { hash: id, manifest, images: {} },
      })
    }
    open(
      '1',
      Array.from({ length: 8 }, (_, n) => `slow${n}.example.org`),
    )
    open('2', ['other.example.org'])
    const asked: string[] = []
    const keeper = new DomainKeeper({
      store,
      texts: (name) => {
        asked.push(name)
        return new Promise(() => {})
      },
      authority: undefined,
      event: () => {},
      log: () => {},
    })
    for (let looks = 0; looks < 3; looks++) await keeper.look(new AbortController().signal)
    expect(asked.sort()).toEqual([
      '_cloister.other.example.org',
      '_cloister.slow0.example.org',
      '_cloister.slow1.example.org',
    ])
  } finally {
    store.close()
    rmSync(folder, { recursive: true })
  }
})
