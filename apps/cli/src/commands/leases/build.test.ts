import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { folderWith, typed, typedJson } from '../../testing.ts'
import { addManifest } from './commands.ts'

/** Writes a layout (OCI image specification) with one image without layers, and gives its digest. */
function writeLayout(folder: string): string {
  const blobs = join(folder, 'blobs/sha256')
  mkdirSync(blobs, { recursive: true })
  const add = (value: unknown) => {
    const bytes = Buffer.from(JSON.stringify(value))
    const name = createHash('sha256').update(bytes).digest('hex')
    writeFileSync(join(blobs, name), bytes)
    return { digest: `sha256:${name}`, size: bytes.length }
  }
  const config = add({ os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: [] } })
  const manifest = add({ schemaVersion: 2, config, layers: [] })
  writeFileSync(join(folder, 'index.json'), JSON.stringify({ manifests: [manifest] }))
  writeFileSync(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
  return manifest.digest
}

function project(web: string): { folder: string; file: string } {
  const text = `services:\n  web: ${web}\n  db: { image: postgres }\n`
  const folder = folderWith({ 'compose.yaml': text, Dockerfile: 'FROM scratch\n' })
  return { folder, file: join(folder, 'compose.yaml') }
}

function withVariable(name: string, value: string): void {
  const before = process.env[name]
  process.env[name] = value
  onTestFinished(() => {
    if (before === undefined) delete process.env[name]
    else process.env[name] = before
  })
}

describe('build', () => {
  it('reads what a file takes of this machine, and says what is pulled', async () => {
    const { folder, file } = project('{ image: ./layout }')
    const digest = writeLayout(join(folder, 'layout'))
    const { json } = await typedJson(addManifest, 'build', file)
    expect(json).toMatchObject({ sent: [{ name: 'web', digest, how: 'layout' }], pulled: ['postgres'] })
    const { out } = await typed(addManifest, 'build', file)
    expect(out).toMatch(/web +sha256:[0-9a-f]{12} +1 MiB +layout\n/)
    const read = await typedJson(addManifest, 'manifest', file)
    expect(read.json.manifest.services.web.image).toBe(`sent.local/web@${digest}`)
  })

  it('of a file that takes nothing says so', async () => {
    expect((await typed(addManifest, 'build', project('{ image: a }').file)).out).toContain(
      'Nothing is built',
    )
  })

  it('tells of the building line by line with --json, before it answers', async () => {
    const { file } = project('{ build: . }')
    const programs = folderWith()
    const script = '#!/bin/sh\n[ "$1" = --version ] && echo 4 && exit\necho STEP 1/1: FROM scratch\nexit 3\n'
    writeFileSync(join(programs, 'podman'), script, { mode: 0o755 })
    withVariable('PATH', `${programs}:/bin`)
    withVariable('XDG_CACHE_HOME', folderWith())
    const { err, exitCode } = await typed(addManifest, 'build', file, '--builder', 'podman', '--json')
    const events = err.split('\n').filter((line) => line.startsWith('{"event"'))
    expect(events.map((line) => JSON.parse(line))).toEqual([
      { event: 'build', service: 'web', builder: 'podman' },
      { event: 'build-line', service: 'web', line: 'STEP 1/1: FROM scratch' },
    ])
    expect(exitCode).toBe(1)
  })

  it('needs a program that builds, and says which would do', async () => {
    const { file } = project('{ build: ., image: me/app }')
    withVariable('PATH', folderWith())
    withVariable('XDG_CACHE_HOME', folderWith())
    const { err, exitCode } = await typed(addManifest, 'build', file)
    expect([err, exitCode]).toEqual([expect.stringContaining('Install podman, buildah, or Docker'), 1])
    const chosen = await typed(addManifest, 'build', file, '--builder', 'podman')
    expect(chosen.err).toContain('podman is not on this machine')
    const without = await typedJson(addManifest, 'manifest', file, '--no-build')
    expect(without.json.manifest.services.web.image).toBe('me/app')
    const nothing = await typed(addManifest, 'manifest', project('{ build: . }').file, '--no-build')
    expect(nothing.err).toContain('Leave --no-build out')
  })
})
