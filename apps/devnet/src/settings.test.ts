import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { claim } from './ports.ts'
import { loadSettings } from './settings.ts'

it('networks with ports of their own get ranges that do not touch, and keep them', async () => {
  const folders = await Promise.all([1, 2, 3].map(() => mkdtemp(join(tmpdir(), 'cloister-settings-'))))
  try {
    const ports = await Promise.all(
      folders.map(async (folder) => (await loadSettings(folder, claim, { freePorts: true })).ports.tcp),
    )
    const sorted = [...ports].sort((a, b) => a - b)
    for (const [index, first] of sorted.entries())
      if (index > 0) expect(first - (sorted[index - 1] ?? 0)).toBeGreaterThan(300)
    expect(sorted.at(-1)).toBeLessThan(32_768 - 300)
    expect((await loadSettings(folders[0] ?? '', claim, { freePorts: true })).ports.tcp).toBe(ports[0])
  } finally {
    for (const folder of folders) await rm(folder, { recursive: true })
  }
})
