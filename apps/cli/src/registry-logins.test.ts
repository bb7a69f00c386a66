import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseManifest } from '@cloister/core'
import { afterAll, describe, expect, it } from 'vitest'
import { loginsFor } from './registry-logins.ts'

const folder = mkdtempSync(join(tmpdir(), 'cloister-logins-'))
const base64 = (text: string) => Buffer.from(text).toString('base64')

function asked(image: string, config: unknown) {
  writeFileSync(join(folder, 'config.json'), typeof config === 'string' ? config : JSON.stringify(config))
  return loginsFor(
    parseManifest(`services: { a: { image: "${image}" } }`, { file: 'compose.yaml' }),
    { registryLogin: true },
    { DOCKER_CONFIG: folder },
  )
}

describe('logins of docker login', () => {
  afterAll(() => rmSync(folder, { recursive: true }))

  it('are handed over for the registries of the images alone', () => {
    const auths = {
      'r.example.com:5000': { auth: base64('me:a:b') },
      'other.example.com': { auth: base64('you:secret') },
    }
    expect(asked('r.example.com:5000/app:1', { auths })).toEqual([
      { host: 'r.example.com:5000', username: 'me', password: 'a:b' },
    ])
  })

  it('are found as Docker writes Docker Hub', () => {
    const auths = { 'https://index.docker.io/v1/': { auth: base64('me:token') } }
    for (const image of ['nginx', 'me/app:1', 'docker.io/me/app'])
      expect(asked(image, { auths })).toEqual([
        { host: 'registry-1.docker.io', username: 'me', password: 'token' },
      ])
  })

  it('that are not in the file are refused with a way out', () => {
    const none = { auths: { 'other.example.com': { auth: base64('you:secret') } } }
    expect(() => asked('r.example.com/app', none)).toThrow(/has no login for r\.example\.com\./)
    expect(() =>
      asked('r.example.com/app', { auths: { 'r.example.com': {} }, credsStore: 'desktop' }),
    ).toThrow(/with the helper desktop/)
    expect(() => asked('r.example.com/app', { credHelpers: { 'r.example.com': 'ecr-login' } })).toThrow(
      /with the helper ecr-login/,
    )
    expect(() =>
      asked('r.example.com/app', {
        auths: { 'r.example.com': { auth: base64('me:x'), identitytoken: 't' } },
      }),
    ).toThrow(/a token of its own kind/)
    expect(() => asked('r.example.com/app', '{')).toThrow(/is no configuration of Docker's/)
  })

  it('are not looked at unless they are asked for', () => {
    const parsed = parseManifest('services: { a: { image: r.example.com/app } }', { file: 'compose.yaml' })
    expect(loginsFor(parsed, {}, { DOCKER_CONFIG: '/nowhere' })).toBeUndefined()
    expect(() => loginsFor(parsed, { registryLogin: true }, { DOCKER_CONFIG: '/nowhere' })).toThrow(
      /There is no \/nowhere\/config\.json/,
    )
  })

  it('come after what the file states, which needs no option', () => {
    const stated = [{ host: 'r.example.com', username: 'file', password: 'own' }]
    const { manifest } = parseManifest(
      'services: { a: { image: r.example.com/app }, b: { image: s.example.com/app } }',
      { file: 'compose.yaml' },
    )
    expect(loginsFor({ manifest, logins: stated }, {})).toEqual(stated)
    writeFileSync(
      join(folder, 'config.json'),
      JSON.stringify({
        auths: { 'r.example.com': { auth: base64('me:x') }, 's.example.com': { auth: base64('me:y') } },
      }),
    )
    expect(
      loginsFor({ manifest, logins: stated }, { registryLogin: true }, { DOCKER_CONFIG: folder }),
    ).toEqual([...stated, { host: 's.example.com', username: 'me', password: 'y' }])
  })
})
