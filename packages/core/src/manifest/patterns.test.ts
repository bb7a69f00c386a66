import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readManifest } from './canonical.ts'
import {
  ATTRIBUTE_VALUE_PATTERN,
  CONTAINER_PATH,
  ENV_PATTERN,
  HOSTNAME_PATTERN,
  IMAGE_PATTERN,
  NAME_PATTERN,
  USER_PATTERN,
} from './patterns.ts'
import { LOGIN_PATTERN, PASSWORD_PATTERN, REGISTRY_PATTERN } from './registry-login.ts'
import { compose } from './testing.ts'

describe('text that a stranger wrote', () => {
  it.each([
    [
      CONTAINER_PATH,
      [
        '/a\n/b',
        '/a/..',
        '/..',
        '/a\n/../../etc',
        '/x/../y',
        '/a:b',
        '/a\0',
        '/a\r',
        '/a\u2028\n',
        'a',
        '/a\x7f',
      ],
    ],
    [ENV_PATTERN, ['a\n', 'a=b', '', 'a\0', '__proto__']],
    [NAME_PATTERN, ['a\n', 'a\nb', '\na', 'a/b', '..', '']],
    [IMAGE_PATTERN, ['a\n', 'a b', '\na', 'a\0']],
    [USER_PATTERN, ['0\n', 'a:b\n', 'a b']],
    [ATTRIBUTE_VALUE_PATTERN, ['a\n', '\x1b[2J', 'a\x9b']],
    [LOGIN_PATTERN, ['a\n', 'a:b', '']],
    [PASSWORD_PATTERN, ['a\n', '\0', '']],
    [REGISTRY_PATTERN, ['a\n', 'a b']],
    [HOSTNAME_PATTERN, ['a\n', 'a\nb', 'a b']],
  ])('is no match of %s with a line feed or a way out', (pattern, texts) => {
    for (const text of texts) expect([text, pattern.test(text)]).toEqual([text, false])
  })

  it('has paths that stay paths', () => {
    for (const path of ['/', '/a', '/a..b/c', '/a/.../b', '/päth/with space', '/..a'])
      expect(CONTAINER_PATH.test(path)).toBe(true)
  })

  const anyPath = fc
    .array(fc.constantFrom('/', '..', '.', 'a', '\n', '\r', ':', '\0', ' ', '\u2028'), { maxLength: 12 })
    .map((parts) => `/${parts.join('')}`)

  it('gets through a manifest as no path that climbs or has a control character', () => {
    const plain = compose('services: { web: { image: a } }').manifest
    fc.assert(
      fc.property(anyPath, (path) => {
        const { web: before } = plain.services
        const tried = { ...plain, services: { web: { ...before, tmpfs: [{ path, sizeMiB: 1 }] } } }
        let accepted = true
        try {
          readManifest(JSON.stringify(tried))
        } catch {
          accepted = false
        }
        const isBad = path.split('/').includes('..') || /[\p{Cc}:]/u.test(path)
        expect(accepted).toBe(!isBad)
      }),
    )
  })
})
