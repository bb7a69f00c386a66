import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Build } from '@cloister/core'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Permissions } from '../permissions.ts'
import { takingsOf } from './build-takings.ts'

let home: string
let project: string

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'cloister-build-paths-'))
  vi.stubEnv('HOME', home)
  project = join(home, 'repository/deploy')
  for (const folder of ['.ssh', 'repository/app', 'repository/deploy/app'])
    mkdirSync(join(home, folder), { recursive: true })
})
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(home, { recursive: true, force: true })
})

const buildOf = (part: Partial<Build>): Build => ({
  context: '.',
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
  ...part,
})
const taken = (part: Partial<Build>, env = {}) =>
  takingsOf(buildOf(part), project, new Permissions(), env).map(({ permission }) => permission)

describe('what a build takes', () => {
  it('lies in the folder, or in its repository', () => {
    expect(taken({ context: 'app' })).toEqual([])
    expect(taken({ context: 'https://example.com/app.git', dockerfile: '../../x' })).toEqual([])
    expect(taken({ context: '../app' })).toEqual([`fs.read=${join(home, 'repository/app')}`])
    mkdirSync(join(home, 'repository/.git'))
    const additionalContexts = { all: '..', base: 'docker-image://alpine' }
    expect(taken({ context: '../app', additionalContexts })).toEqual([])
  })

  it('is nothing else of the person who deploys it', () => {
    mkdirSync(join(home, 'repository/.git'))
    symlinkSync('../../.ssh', join(project, 'keys'))
    writeFileSync(join(home, '.ssh/id'), '')
    symlinkSync('../../../.ssh/id', join(project, 'app/Dockerfile'))
    for (const context of ['keys', '../../.ssh', join(home, '.ssh'), home, '/', '../..', '~/.ssh']) {
      expect(taken({ context })).toEqual([expect.stringMatching(/^fs\.read=/)])
      expect(taken({ additionalContexts: { more: context } })).toEqual([expect.stringMatching(/^fs\.read=/)])
    }
    const key = [`fs.read=${join(home, '.ssh/id')}`]
    expect(taken({ context: 'app' })).toEqual(key)
    expect(taken({ dockerfile: '../../.ssh/id' })).toEqual(key)
    expect(taken({ dockerfile: '~/.ssh/id' })).toEqual(key)
  })

  it('is nothing of where git keeps logins', () => {
    mkdirSync(join(home, 'repository/.git/hooks'), { recursive: true })
    symlinkSync('../.git', join(project, 'linked'))
    for (const context of ['../.git', '../.git/hooks', 'linked'])
      expect(taken({ context })).toEqual([expect.stringMatching(/^fs\.read=.*\/\.git/)])
  })

  it('is not all of a home that is a repository', () => {
    mkdirSync(join(home, '.git'))
    expect(taken({ context: '../app' })).toHaveLength(1)
  })

  it('is no layout of elsewhere, in whatever way it is written', () => {
    mkdirSync(join(home, 'layout/blobs/sha256'), { recursive: true })
    writeFileSync(join(home, 'layout/index.json'), '')
    for (const base of [
      `oci-layout://${home}/layout`,
      `oci-layout://${home}/layout:1`,
      'oci-layout://../../layout',
    ])
      expect(taken({ additionalContexts: { base } })).toContain(`fs.read=${join(home, 'layout')}`)
    symlinkSync(join(home, '.ssh'), join(project, 'blobs'))
    mkdirSync(join(project, 'own/blobs/sha256'), { recursive: true })
    symlinkSync('../../../../../.ssh', join(project, 'own/blobs/sha256/a'))
    expect(taken({ additionalContexts: { base: 'oci-layout://own' } })).toEqual([
      `fs.read=${join(home, '.ssh')}`,
    ])
  })

  it('is no login that comes along with a repository', () => {
    const config = join(project, '.git/config')
    mkdirSync(join(project, '.git'))
    writeFileSync(config, '[remote "origin"]\n\turl = https://example.org/a.git\n')
    expect(taken({})).toEqual([])
    for (const login of [
      '[remote "origin"]\n\turl = https://user:token@example.org/a.git\n',
      '[http "https://example.org/"]\n\textraheader = AUTHORIZATION: basic c2VjcmV0\n',
    ]) {
      writeFileSync(config, login)
      expect(taken({})).toEqual([`fs.read=${join(project, '.git')}`])
    }
    writeFileSync(join(project, '.dockerignore'), 'dist\n.git\n')
    expect(taken({})).toEqual([])
  })

  it('is no secret of elsewhere, and no right or network of this machine', () => {
    writeFileSync(join(home, '.npmrc'), '')
    writeFileSync(join(project, 'token'), '')
    const build = {
      secrets: [
        { id: 'a', file: 'token' },
        { id: 'b', file: join(home, '.npmrc') },
        { id: 'c', variable: 'PLAIN' },
        { id: 'd', variable: 'UNSET' },
      ],
      ssh: ['default'],
      network: 'host',
      entitlements: ['security.insecure'],
    }
    expect(taken(build, { PLAIN: 't' })).toEqual([
      `fs.read=${join(home, '.npmrc')}`,
      'env=PLAIN',
      'ssh=default',
      'network.host',
      'security.insecure',
    ])
    expect(taken({ network: 'none' })).toEqual([])
    expect(taken({ network: 'container:db' })).toEqual(['network.host'])
    const odd = { secrets: [{ id: 'a', file: `token,src=${join(home, '.npmrc')}` }] }
    expect(() => taken(odd)).toThrow(/takes no secret from/)
  })
})
