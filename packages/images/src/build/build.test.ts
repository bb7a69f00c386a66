import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Build } from '@cloister/core'
import { describe, expect, it } from 'vitest'
import { ImageCache } from '../cache.ts'
import { engineImage } from '../engine.ts'
import { busyboxContext, checkParts, folderOfTest, ownPodman } from '../testing.ts'
import { buildImage } from './build.ts'
import { findBuilder } from './builder.ts'
import { buildCommand } from './command.ts'

const PLAIN: Build = {
  context: 'app',
  args: {},
  labels: {},
  additionalContexts: {},
  extraHosts: [],
  secrets: [],
  ssh: [],
  ulimits: [],
  entitlements: [],
  noCache: false,
  pull: false,
}
const hasPodman =
  process.getuid?.() === 0 &&
  ['podman', 'busybox'].every((program) => spawnSync(program, ['--help'], { stdio: 'ignore' }).status === 0)

describe.skipIf(!hasPodman)('with podman and busybox on this machine', () => {
  it('the same context gives the same image, which is built once and kept', {
    timeout: 120_000,
  }, async () => {
    ownPodman()
    const folder = folderOfTest()
    busyboxContext(join(folder, 'app'))
    const builder = await findBuilder('podman')
    const cache = new ImageCache(folderOfTest())
    const lines: string[] = []
    const build = { ...PLAIN, args: { WORD: 'built here' } }
    const first = await buildImage(build, folder, { builder, cache, onLine: (line) => lines.push(line) })
    expect(lines.join('\n')).toContain('COPY busybox')
    expect(await checkParts(first)).toMatchObject({
      config: { Healthcheck: { Test: ['CMD', '/bin/busybox', 'true'] } },
    })
    const second = await buildImage(build, folder, { builder, cache })
    expect([second.digest, second.isKept]).toEqual([first.digest, true])
    await checkParts(second)
    // Elsewhere, later, and from the beginning.
    ownPodman()
    const other = folderOfTest()
    busyboxContext(join(other, 'app'))
    const third = await buildImage({ ...build, noCache: true }, other, { builder, cache })
    expect([third.digest, third.isKept]).toEqual([first.digest, false])
    writeFileSync(join(folder, 'app', 'more'), '')
    expect((await buildImage(build, folder, { builder, cache })).isKept).toBe(false)
  })

  it('a build that fails ends with what was printed last', { timeout: 60_000 }, async () => {
    ownPodman()
    const cache = new ImageCache(folderOfTest())
    const build = { ...PLAIN, context: '.', dockerfileInline: 'FROM scratch\nCOPY gone /\n' }
    const failed = buildImage(build, folderOfTest(), { builder: await findBuilder('podman'), cache })
    await expect(failed).rejects.toMatchObject({ code: 'build-failed' })
    const error = await failed.catch((thrown) => thrown)
    expect(error.details.last.join('\n')).toContain('gone')
  })

  it("an engine's own image is had by its name", { timeout: 60_000 }, async () => {
    ownPodman()
    const context = busyboxContext(join(folderOfTest(), 'app'))
    writeFileSync(join(context, 'Dockerfile'), 'FROM scratch\nCOPY busybox /bin/busybox\n')
    expect(spawnSync('podman', ['build', '-q', '-t', 'own-app', context]).status).toBe(0)
    const cache = new ImageCache(folderOfTest())
    const image = await engineImage('own-app', cache)
    await checkParts(image)
    expect((await engineImage('own-app', cache)).digest).toBe(image.digest)
    await expect(engineImage('other-app', cache)).rejects.toThrow('No engine on this machine has an image')
  })
})

describe('a command that builds', () => {
  const place = { folder: '/project', work: '/scratch', epoch: 7 }
  const files = { iidfile: '/scratch/iid', archive: '/scratch/image.tar' }

  it('has all that a file says, for each program in its words', () => {
    const build: Build = {
      ...PLAIN,
      dockerfile: 'Dockerfile.web',
      args: { A: '1' },
      target: 'final',
      secrets: [
        { id: 'token', file: 'token' },
        { id: 'key', variable: 'KEY' },
      ],
      additionalContexts: { more: '../more' },
      entitlements: ['network.host'],
    }
    const words = buildCommand({ name: 'buildx', version: '', isReproducible: true }, build, place, files)
    expect(words).toContain('--output=type=oci,rewrite-timestamp=true,dest=/scratch/image.tar')
    expect(words).toContain('--allow=network.host')
    expect(words.slice(-2)).toEqual(['--', '/project/app'])
    const podman = buildCommand({ name: 'podman', version: '', isReproducible: true }, build, place, files)
    for (const word of [
      '--timestamp=7',
      '--file=/project/app/Dockerfile.web',
      '--build-arg=A=1',
      '--target=final',
      '--secret=id=token,src=/project/token',
      '--secret=id=key,env=KEY',
      '--build-context=more=/more',
    ])
      expect(podman).toContain(word)
    expect(() =>
      buildCommand({ name: 'docker', version: '', isReproducible: false }, build, place, files),
    ).toThrow("docker without buildx can't build with secrets")
  })

  it('is of a program that is here, or of none', async () => {
    await expect(findBuilder('make')).rejects.toMatchObject({ code: 'bad-option' })
    const path = process.env['PATH']
    process.env['PATH'] = folderOfTest()
    await expect(findBuilder()).rejects.toThrow('No program that builds images is on this machine')
    process.env['PATH'] = path
  })
})
