import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { sealedFrom } from './secret-options.ts'
import { fakeCloister } from './testing.ts'

it('files that are to be sealed need an app, as secrets do, and nothing needs none', async () => {
  const files = { 'beside.tls-key': new Uint8Array([1]) }
  expect(await sealedFrom(fakeCloister(), {})).toBeUndefined()
  await expect(sealedFrom(fakeCloister(), {}, files)).rejects.toThrow(/none is named/)
})

it('an envelope that was sealed before is taken as it is', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'cloister-sealed-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const envelope = {
    format: 'cloister-sealed/1',
    app: `0x${'1'.repeat(64)}`,
    keys: ['AA==', 'AA==', 'AA=='],
    names: ['beside.tls-key'],
    sealed: 'AA==',
  }
  const path = join(folder, 'shop.sealed')
  writeFileSync(path, JSON.stringify(envelope))
  const files = { 'beside.tls-key': new Uint8Array([1]) }
  expect(await sealedFrom(fakeCloister(), { sealed: path }, files)).toEqual(envelope)
})
