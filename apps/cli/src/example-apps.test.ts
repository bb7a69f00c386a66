import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseManifest } from '@cloister/core'
import { describe, expect, it } from 'vitest'
import { IMAGES } from '../../../examples/apps/images/images.ts'
import { lookBeside } from './beside.ts'
import { placeOf } from './permissions.ts'

const APPS = resolve(import.meta.dirname, '../../../examples/apps')
const names = readdirSync(APPS).filter((name) => existsSync(join(APPS, name, 'compose.yaml')))

describe('the whole apps of examples/apps', () => {
  it('are a dozen', () => expect(names.length).toBeGreaterThanOrEqual(12))

  it.each(names)('%s is a manifest, of images that are made and with something to check', (name) => {
    const folder = join(APPS, name)
    const text = readFileSync(join(folder, 'compose.yaml'), 'utf8')
    const { manifest, wishes } = parseManifest(text, {
      file: 'compose.yaml',
      folder,
      look: (path, exclude) => lookBeside(placeOf(folder), path, exclude),
      granted: () => undefined,
    })
    expect(Object.keys(manifest.services).length).toBeGreaterThan(0)
    for (const [, image = ''] of text.matchAll(/oci:\.\.\/\.images\/([\w-]+)/g))
      expect(Object.keys(IMAGES)).toContain(image)
    expect(wishes.length).toBeGreaterThan(0)
    expect(existsSync(join(folder, 'check.ts'))).toBe(true)
  })
})
