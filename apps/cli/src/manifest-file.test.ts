import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { showError } from '@cloister/terminal'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readManifestFile } from './manifest-file.ts'
import { printed } from './testing.ts'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cloister-file-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const write = (name: string, text: string) => writeFileSync(join(folder, name), text)
const read = (options = {}) => readManifestFile(join(folder, 'compose.yaml'), options, true)

/** What a person sees of a file that is wrong. */
function complaints(json = false) {
  return printed(async () => {
    try {
      await read()
    } catch (error) {
      showError(error, { json, verbose: false })
    }
  })
}

describe('a file', () => {
  it('has all its mistakes shown, each with its line and what would do', async () => {
    write('compose.yaml', 'services:\n  web:\n    imagee: nginx\n    ports: ["x"]\n    read_only: perhaps\n')
    const { err } = await complaints()
    expect(err.match(/compose\.yaml:\d+/g)).toEqual(['compose.yaml:3', 'compose.yaml:4', 'compose.yaml:5'])
    expect(err).toMatch(/Did you mean image\?/)
    expect(err).toMatch(/Expected true or false/)
  })

  it('has them in JSON as one error with others', async () => {
    write('compose.yaml', 'services:\n  web:\n    imagee: nginx\n    ports: ["x"]\n')
    const { error } = JSON.parse((await complaints(true)).out)
    expect(error).toMatchObject({ code: 'not-honoured', details: { line: 3 } })
    expect(error.others).toMatchObject([{ code: 'bad-field', details: { line: 4 } }])
  })

  it('takes variables from .env beside it, and from the environment before that', async () => {
    write('compose.yaml', 'services:\n  web:\n    image: nginx:$' + '{TAG}\n')
    write('.env', 'TAG=1\n')
    expect((await read()).manifest.services['web']?.image).toBe('nginx:1')
    process.env['TAG'] = '2'
    expect((await read()).manifest.services['web']?.image).toBe('nginx:2')
    delete process.env['TAG']
  })

  it('has others put over it, the usual override among them, and says so', async () => {
    write('compose.yaml', 'services:\n  web:\n    image: a\n')
    write('compose.override.yaml', 'services:\n  web:\n    image: b\n')
    write('prod.yaml', 'services:\n  web:\n    imagee: c\n')
    const { err } = await printed(async () =>
      expect(
        (await readManifestFile(join(folder, 'compose.yaml'), {}, false)).manifest.services,
      ).toMatchObject({
        web: { image: 'b' },
      }),
    )
    expect(err).toMatch(/compose\.override\.yaml is put over compose\.yaml/)
    await expect(read({ file: [join(folder, 'prod.yaml')] })).rejects.toThrow(
      /^prod\.yaml:3 services\.web\.imagee/,
    )
  })

  it('knows profiles and names that Compose’s variables say', async () => {
    write(
      'compose.yaml',
      'name: own\nservices:\n  web: { image: a }\n  more: { image: "$' +
        '{COMPOSE_PROJECT_NAME}", profiles: [x] }\n',
    )
    expect((await read()).name).toBe('own')
    write('.env', 'COMPOSE_PROFILES=x,y\nCOMPOSE_PROJECT_NAME=shop\n')
    expect(await read()).toMatchObject({ name: 'shop', manifest: { services: { more: { image: 'shop' } } } })
  })

  it('brings the folder beside it along', async () => {
    write('compose.yaml', 'services:\n  web:\n    image: a\n    volumes: ["./data:/d"]\n')
    mkdirSync(join(folder, 'data'))
    write('data/a', 'A')
    const { manifest, contents } = await read()
    expect(manifest.volumes['host-data']).toMatchObject({
      sizeMiB: 1024,
      from: { digest: contents[0]?.digest },
    })
    write('data/a', 'B')
    expect((await read()).contents[0]?.digest).not.toBe(contents[0]?.digest)
  })

  it('is not somebody else’s, unless it is named', async () => {
    const project = join(folder, 'project')
    mkdirSync(project)
    const here = process.cwd()
    process.chdir(project)
    try {
      write('.env', 'KEY=other\n')
      write('other.yaml', 'auths: { "x": {} }\n')
      write('project/mine.yaml', 'auths: !reset null\nservices: { web: { image: a, volumes: ["./:/d"] } }\n')
      write('project/.env', 'COMPOSE_FILE=../other.yaml:mine.yaml\n')
      const outside = { code: 'outside' }
      await expect(readManifestFile(undefined, {}, true)).rejects.toMatchObject(outside)
      symlinkSync('../other.yaml', join(project, 'linked.yaml'))
      write('project/.env', 'COMPOSE_FILE=mine.yaml:linked.yaml\n')
      await expect(readManifestFile(undefined, {}, true)).rejects.toMatchObject(outside)
      rmSync(join(project, '.env'))
      symlinkSync('../other.yaml', join(project, 'compose.override.yaml'))
      write('project/compose.yaml', 'services: { web: { image: "$' + '{KEY}" } }\n')
      await expect(readManifestFile('compose.yaml', {}, true)).rejects.toMatchObject(outside)
      rmSync(join(project, 'compose.override.yaml'))
      symlinkSync('../.env', join(project, '.env'))
      await expect(readManifestFile('compose.yaml', {}, true)).rejects.toMatchObject(outside)
      const { manifest } = await readManifestFile('compose.yaml', { envFile: '../.env' }, true)
      expect(manifest.services['web']?.image).toBe('other')
    } finally {
      process.chdir(here)
    }
  })

  it('that is not there is said to be so', async () => {
    await expect(read()).rejects.toThrow('there is no such file')
  })
})
