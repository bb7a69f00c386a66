import { describe, expect, it } from 'vitest'
import { parseManifest } from './parse.ts'
import type { Granted, ParseOptions, Wish } from './parse-options.ts'

const DIGEST = `sha256:${'ab'.repeat(32)}`

/** Reads a file of which whatever it wishes for is granted, with files of these names beside it. */
function read(text: string, files: string[] = ['Dockerfile', 'app/Dockerfile'], options: object = {}) {
  const wishes: Wish[] = []
  const all: ParseOptions = {
    file: 'compose.yaml',
    env: { FROM_OUTSIDE: 'yes' },
    look: (path) =>
      files.includes(path) ? { kind: 'file', content: new Uint8Array(), mode: 0o644 } : undefined,
    granted: (wish): Granted => {
      wishes.push(wish)
      return { image: DIGEST }
    },
    ...options,
  }
  const parsed = parseManifest(text, all)
  const images = Object.values(parsed.manifest.services).map(({ image }) => image)
  return { ...parsed, images, granted: wishes, told: parsed.warnings.map(({ message }) => message) }
}

const built = (lines: string, ...more: [string[]?, object?]) =>
  read(`services:\n  web:\n${lines.replace(/^/gm, '    ')}\n`, ...more)

const buildOf = ({ granted }: ReturnType<typeof read>) =>
  granted[0]?.kind === 'build' ? granted[0].build : undefined

describe('build', () => {
  it('makes an image that is sent, named by its digest', () => {
    const file = built('build: .')
    expect(file.images).toEqual([`sent.local/web@${DIGEST}`])
    expect(file.granted).toMatchObject([{ kind: 'build', service: 'web', build: { context: '.' } }])
  })

  it('is wished for until it is granted', () => {
    const file = built('build: ./app', undefined, { granted: () => undefined })
    expect(file.wishes).toMatchObject([{ kind: 'build', build: { context: 'app' } }])
    expect(file.images).toEqual([`sent.local/web@sha256:${'0'.repeat(64)}`])
  })

  it('has its arguments from the file, and those without a value from the environment', () => {
    const file = built('build:\n  context: app\n  args: [A=1, FROM_OUTSIDE, NOWHERE]\n  target: final')
    expect(buildOf(file)).toMatchObject({ args: { A: '1', FROM_OUTSIDE: 'yes' }, target: 'final' })
    expect(file.told).toContain('the build argument NOWHERE has no value here and is left out')
  })

  it('may have its context outside of the folder, or elsewhere altogether', () => {
    expect(buildOf(built('build: ../server'))?.context).toBe('../server')
    const url = 'https://github.com/me/app.git#main:docker'
    expect(buildOf(built(`build: ${url}`))?.context).toBe(url)
  })

  it('reads secrets of the file by where they are, and none that is sealed', () => {
    const secrets =
      'secrets:\n  token: { file: ./token }\n  key: { environment: KEY }\n  far: { external: true }'
    const file = (name: string) =>
      read(`services:\n  web:\n    build: { context: ., secrets: [${name}] }\n${secrets}\n`)
    expect(buildOf(file('token'))?.secrets).toEqual([{ id: 'token', file: 'token' }])
    expect(buildOf(file('{ source: key, target: other }'))?.secrets).toEqual([
      { id: 'other', variable: 'KEY' },
    ])
    expect(() => file('far')).toThrow('a build reads a secret from a file or a variable')
  })

  it('is refused where there is nothing to build, and where nothing can be sent', () => {
    expect(() => built('build: ./gone')).toThrow('there is no gone/Dockerfile')
    expect(() => built('build: .', undefined, { granted: undefined })).toThrow(
      "an image can't be built by a worker",
    )
    expect(() => built('build: .', undefined, { builds: false })).toThrow('the image has to be built')
  })
})

describe('build beside image', () => {
  const both = 'build: .\nimage: me/app'

  it('is built where it is here, and pulled with a warning where it is not', () => {
    expect(built(both).images).toEqual([`sent.local/web@${DIGEST}`])
    const pulled = built(both, [])
    expect(pulled.images).toEqual(['me/app'])
    expect(pulled.told).toContain('ignored: the image is pulled, not built: there is no Dockerfile')
    expect(built(both, undefined, { builds: false }).images).toEqual(['me/app'])
    expect(built(both, undefined, { granted: undefined }).images).toEqual(['me/app'])
  })

  it('is done as pull_policy says', () => {
    for (const policy of ['always', 'missing', 'if_not_present', 'daily', 'every_12h'])
      expect(built(`${both}\npull_policy: ${policy}`).images).toEqual(['me/app'])
    expect(built(`${both}\npull_policy: build`).granted[0]?.kind).toBe('build')
    expect(built(`${both}\npull_policy: never`).granted[0]).toMatchObject({
      kind: 'image',
      from: { kind: 'engine', name: 'me/app' },
    })
    expect(() => built('image: a\npull_policy: build')).toThrow('there is nothing to build')
    expect(() => built('image: a\npull_policy: sometimes')).toThrow('found "sometimes"')
  })

  it('stands for its name in other services of the file', () => {
    const file = (policy: string) =>
      read(
        `services:\n  worker: { image: "me/app:latest"${policy} }\n  web: { image: me/app, build: . }\n  db: { image: me/db }\n`,
      )
    expect(file('').images).toEqual([`sent.local/web@${DIGEST}`, `sent.local/web@${DIGEST}`, 'me/db'])
    expect(file(', pull_policy: always').images[0]).toBe('me/app:latest')
  })
})

describe('an image on this machine', () => {
  const placeOf = (image: string) => {
    const [wish] = built(`image: ${image}`).granted
    return wish?.kind === 'image' ? wish.from : undefined
  }

  it('is named by a path, or as skopeo and podman name places', () => {
    expect(placeOf('./layout')).toEqual({ kind: 'layout', path: 'layout' })
    expect(placeOf('../out/app.tar:v1')).toEqual({ kind: 'layout', path: '../out/app.tar', name: 'v1' })
    expect(placeOf('oci:./layout:v1')).toEqual({ kind: 'layout', path: 'layout', name: 'v1' })
    expect(placeOf('oci-archive:app.tar')).toEqual({ kind: 'oci-archive', path: 'app.tar' })
    expect(placeOf('docker-archive:/tmp/app.tar:me/app:2')).toEqual({
      kind: 'docker-archive',
      path: '/tmp/app.tar',
      name: 'me/app:2',
    })
    expect(placeOf('docker-daemon:me/app:2')).toEqual({ kind: 'engine', name: 'me/app:2' })
    expect(placeOf('containers-storage:me/app')).toEqual({ kind: 'engine', name: 'me/app' })
  })

  it('is told from images of registries', () => {
    for (const image of ['nginx', 'oci:1', 'ghcr.io/me/app:1', 'localhost:5000/a', 'a.b/c@sha256:x'])
      expect(placeOf(image)).toBeUndefined()
  })

  it('is refused where nothing is sent', () => {
    expect(() => built('image: ./layout', [], { granted: undefined })).toThrow(
      'it has to be prepared on the machine it is deployed from',
    )
  })

  it('is the same in SDL', () => {
    const sdl = `version: "2.1"\nservices: { web: { image: ./layout, expose: [{ port: 80, as: 80, to: [{ global: true }] }] } }
profiles:
  compute: { web: { resources: { cpu: { units: 1 }, memory: { size: 64Mi }, storage: { size: 64Mi } } } }
  placement: { p: { pricing: { web: { denom: uakt, amount: 1 } } } }
deployment: { web: { p: { profile: web, count: 1 } } }`
    const file = read(sdl)
    expect(file.images).toEqual([`sent.local/web@${DIGEST}`])
    expect(file.granted).toEqual([
      { kind: 'image', service: 'web', from: { kind: 'layout', path: 'layout' } },
    ])
  })
})
