import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { projectFiles, projectName } from './project-files.ts'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cloister-project-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const at = (name: string) => join(folder, name)
const write = (...names: string[]) => {
  for (const name of names) writeFileSync(at(name), '')
}

describe('files of a project', () => {
  it('are those that are named, in their order, and no others', () => {
    write('compose.yaml', 'compose.override.yaml')
    expect(projectFiles(at('compose.yaml'), [at('b.yaml'), 'c.yaml'])).toEqual({
      paths: [at('compose.yaml'), at('b.yaml'), 'c.yaml'],
      found: [],
    })
    const named = { paths: [at('compose.yaml')], found: [] }
    expect(projectFiles(undefined, [at('compose.yaml')])).toEqual(named)
    expect(projectFiles(at('other.yaml'))).toEqual({ paths: [at('other.yaml')], found: [] })
  })

  it('have an override put over them where one lies beside a file of a usual name', () => {
    write('docker-compose.yml', 'docker-compose.override.yml')
    const found = projectFiles(at('docker-compose.yml'))
    expect(found.paths).toEqual([at('docker-compose.yml'), at('docker-compose.override.yml')])
    expect(found.note).toMatch(/docker-compose\.override\.yml is put over docker-compose\.yml/)
  })

  it('are looked for by their usual names where none is named', () => {
    write('deploy.yaml')
    expect(projectFiles(undefined, [], {}, folder)).toEqual({
      paths: [at('deploy.yaml')],
      found: [at('deploy.yaml')],
      note: 'reading deploy.yaml',
    })
    write('docker-compose.yml', 'compose.yml', 'compose.override.yml')
    expect(projectFiles(undefined, [], {}, folder).paths).toEqual([
      at('compose.yml'),
      at('compose.override.yml'),
    ])
  })

  it('that are not there are said to be so', () => {
    expect(() => projectFiles(undefined, [], {}, folder)).toThrow(/No file is named/)
  })

  it('are those of COMPOSE_FILE where none is named', () => {
    write('compose.yaml')
    expect(projectFiles(undefined, [], { COMPOSE_FILE: 'a.yaml:b.yaml' }, folder).paths).toEqual([
      at('a.yaml'),
      at('b.yaml'),
    ])
    expect(projectFiles(undefined, [], { COMPOSE_FILE: at('a.yaml') }, '/srv').paths).toEqual([at('a.yaml')])
    const env = { COMPOSE_FILE: 'a.yaml,b.yaml', COMPOSE_PATH_SEPARATOR: ',' }
    expect(projectFiles(undefined, [], env, folder).paths).toHaveLength(2)
    expect(projectFiles(at('compose.yaml'), [], env).paths).toEqual([at('compose.yaml')])
  })

  it('are called after their folder', () => {
    expect(projectName('/srv/_My App.v2')).toBe('myappv2')
  })
})
