import { type Manifest, parseManifest } from '@cloister/core'
import type { Image } from '@cloister/executors'
import { describe, expect, it } from 'vitest'
import { planContainers } from './plan.ts'
import { LEASE } from './testing.ts'

const IMAGE: Image = {
  reference: 'a:1',
  digest: `sha256:${'0'.repeat(64)}`,
  entrypoint: [],
  command: ['serve'],
  env: {},
  workingDir: '/',
  user: '',
  volumes: [],
  ports: [],
}
const digestOf = (digit: string) => `sha256:${digit.repeat(64)}`
const fileOf = (digest: string) => `/sent/${digest.slice('sha256:'.length)}`

/** `services` by name as the places where they mount the volume `site`, `:ro` behind those that only read. */
function manifestOf(services: Record<string, string[]>, digest?: string): Manifest {
  const listed = Object.entries(services).map(
    ([name, mounts]) =>
      `  ${name}:\n    image: a:1\n    volumes: [${mounts.map((at) => `"site:${at}"`).join()}]\n`,
  )
  const { manifest } = parseManifest(`services:\n${listed.join('')}volumes: { site: {} }\n`, {
    file: 'compose.yaml',
  })
  const [site] = Object.values(manifest.volumes)
  if (!site) throw new Error('there is no volume')
  return { ...manifest, volumes: { site: { ...site, ...(digest && { from: { digest, bytes: 1_024 } }) } } }
}

const stagedOf = (volume: string) => (volume === 'restored' ? { staged: '/staged/restored' } : undefined)
const plan = (manifest: Manifest) =>
  planContainers(
    LEASE,
    { hash: `0x${'1'.repeat(64)}`, manifest, images: { 'a:1': IMAGE } },
    { agentFolder: '', fileOf, stagedOf, gatewayUrl: 'http://127.0.0.1:1' },
  ).map(({ spec }) => spec)

describe('a volume that begins with what its tenant sent', () => {
  it('is another one for another archive where it is only read', () => {
    const manifest = (digit: string) =>
      manifestOf({ web: ['/site:ro'], other: ['/data:ro'] }, digestOf(digit))
    const [web, other] = plan(manifest('a'))
    expect(web?.mounts).toEqual([
      { volume: 'site.sent-aaaaaaaaaaaa', path: '/site', readOnly: true, from: fileOf(digestOf('a')) },
    ])
    expect(other?.mounts[0]).toMatchObject({ volume: 'site.sent-aaaaaaaaaaaa', path: '/data' })
    const [changed] = plan(manifest('b'))
    expect(changed?.mounts[0]?.volume).toBe('site.sent-bbbbbbbbbbbb')
    expect(changed?.revision).not.toBe(web?.revision)
  })

  it('stays the same, and its containers with it, where any of them writes to it', () => {
    const manifest = (digit: string) => manifestOf({ web: ['/site'], other: ['/data:ro'] }, digestOf(digit))
    const [before, after] = [plan(manifest('a')), plan(manifest('b'))]
    expect(before.map(({ mounts }) => mounts[0]?.volume)).toEqual(['site', 'site'])
    expect(after[0]?.mounts[0]?.from).toBe(fileOf(digestOf('b')))
    expect(after.map(({ revision }) => revision)).toEqual(before.map(({ revision }) => revision))
  })

  it('is what it was for a manifest that sends nothing', () => {
    const [web] = plan(manifestOf({ web: ['/site:ro'] }))
    expect(web?.mounts).toEqual([{ volume: 'site', path: '/site', readOnly: true }])
  })
})

describe('a file that its tenant sent', () => {
  const withFile = (digit: string): Manifest => {
    const manifest = manifestOf({ web: ['/site'] })
    const web = manifest.services['web']
    if (!web) throw new Error('there is no service')
    const file = {
      path: '/model.bin',
      blob: { digest: digestOf(digit), bytes: 9 },
      mode: 0o444,
      secret: false,
    }
    return { ...manifest, services: { web: { ...web, files: [file] } } }
  }

  it('is named by where it lies, and makes another revision where it is another', () => {
    const [web] = plan(withFile('a'))
    expect(web?.files[0]).toMatchObject({ path: '/model.bin', content: { file: fileOf(digestOf('a')) } })
    expect(plan(withFile('a'))[0]?.revision).toBe(web?.revision)
    expect(plan(withFile('b'))[0]?.revision).not.toBe(web?.revision)
  })
})
