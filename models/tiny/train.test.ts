// Runs where it is asked for: npm run try-training.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { readGguf } from './gguf.ts'

// Debian's own Python has its torch, whatever Python comes first otherwise.
const PYTHON = '/usr/bin/python3'
const folder = mkdtempSync(join(tmpdir(), 'tiny-'))
const hasTorch = spawnSync(PYTHON, ['-c', 'import torch']).status === 0
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test.skipIf(!hasTorch)(
  'a hundred steps of training lead to a model that has learned',
  () => {
    const here = (name: string) => join(import.meta.dirname, name)
    execFileSync(process.execPath, [here('prepare.ts'), folder, '20000'])
    execFileSync(PYTHON, [here('train.py'), folder, '--steps', '100'])
    const { losses } = JSON.parse(readFileSync(join(folder, 'weights.json'), 'utf8'))
    // An even guess among the vocabulary's 1,280 pieces has 7.15.
    expect(losses['20']).toBeGreaterThan(3)
    expect(losses['100']).toBeLessThan(2.5)
    execFileSync(process.execPath, [here('export.ts'), folder])
    const { values } = readGguf(readFileSync(join(folder, 'tiny.gguf')))
    expect(values['general.name']).toBe('Cloister Tiny')
  },
  600_000,
)
