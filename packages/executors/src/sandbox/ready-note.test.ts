import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { canRun } from '@cloister/development/engines'
import { expect, onTestFinished, test } from 'vitest'
import { findReady } from './ready-note.ts'

const MINUTE = 60_000

test.skipIf(!canRun('runc'))(
  'what a machine allows is tried once for all with the same images',
  async ({ skip }) => {
    const folder = await mkdtemp(join(tmpdir(), 'cloister-ready-'))
    onTestFinished(() => rm(folder, { recursive: true, force: true }))
    const images = join(folder, 'images')
    const path = join(images, '.ready.json')
    const begun = Date.now()
    /** When it was tried last. */
    const triedAt = async (minutes: number) => {
      expect(await findReady(folder, images, begun + minutes * MINUTE)).toEqual(ready)
      return (JSON.parse(await readFile(path, 'utf8')).at - begun) / MINUTE
    }
    const ready = await findReady(folder, images, begun)
    if (!ready.disks || !ready.ids || !ready.wayOut)
      skip('nothing is noted of a machine that lacks something')

    expect(await triedAt(0)).toBe(0)
    expect(await triedAt(9)).toBe(0)
    expect(await triedAt(11)).toBe(11)
    // The clock went back, and the note comes from the future.
    expect(await triedAt(5)).toBe(5)

    const note = await readFile(path, 'utf8')
    await writeFile(path, note.slice(0, 20))
    expect(await triedAt(6)).toBe(6)
    await writeFile(path, JSON.stringify({ ...JSON.parse(note), disks: true }))
    expect(await triedAt(7)).toBe(7)
    await writeFile(path, JSON.stringify({ ...JSON.parse(note), machine: 'another' }))
    expect(await triedAt(8)).toBe(8)
  },
)
