import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Build } from '@cloister/core'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { foreignSecrets, requireContextsInside } from './build-paths.ts'

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
const check = (part: Partial<Build>) => requireContextsInside(buildOf(part), project)

describe('what a build takes', () => {
  it('lies in the folder, or in its repository', () => {
    check({ context: 'app' })
    check({ context: 'https://example.com/app.git' })
    expect(() => check({ context: '../app' })).toThrow(/outside of the folder and of its repository/)
    mkdirSync(join(home, 'repository/.git'))
    check({ context: '../app', additionalContexts: { all: '..', base: 'docker-image://alpine' } })
  })

  it('is nothing else of the person who deploys it', () => {
    mkdirSync(join(home, 'repository/.git'))
    symlinkSync('../../.ssh', join(project, 'keys'))
    for (const context of ['keys', '../../.ssh', join(home, '.ssh'), home, '/', '../..']) {
      expect(() => check({ context })).toThrow(/outside of the folder/)
      expect(() => check({ additionalContexts: { more: context } })).toThrow(/outside of the folder/)
    }
  })

  it('is nothing of where git keeps logins', () => {
    mkdirSync(join(home, 'repository/.git/hooks'), { recursive: true })
    symlinkSync('../.git', join(project, 'linked'))
    for (const context of ['../.git', '../.git/hooks', 'linked'])
      expect(() => check({ context })).toThrow(/where logins are kept/)
  })

  it('is not all of a home that is a repository', () => {
    mkdirSync(join(home, '.git'))
    expect(() => check({ context: '../app' })).toThrow(/outside of the folder/)
  })
})

it('a login that comes along with a repository is told of', () => {
  const config = join(project, '.git/config')
  mkdirSync(join(project, '.git'))
  const told = () => foreignSecrets(buildOf({}), project, {})
  writeFileSync(config, '[remote "origin"]\n\turl = https://example.org/a.git\n')
  expect(told()).toEqual([])
  for (const login of [
    '[remote "origin"]\n\turl = https://user:token@example.org/a.git\n',
    '[http "https://example.org/"]\n\textraheader = AUTHORIZATION: basic c2VjcmV0\n',
  ]) {
    writeFileSync(config, login)
    expect(told()).toEqual([expect.stringContaining('takes ./.git along, with a login in its config')])
  }
  writeFileSync(join(project, '.dockerignore'), 'dist\n.git\n')
  expect(told()).toEqual([])
})

it('secrets of elsewhere are told of', () => {
  writeFileSync(join(home, '.npmrc'), '')
  writeFileSync(join(project, 'token'), '')
  const build = buildOf({
    secrets: [
      { id: 'a', file: 'token' },
      { id: 'b', file: join(home, '.npmrc') },
      { id: 'c', variable: 'TOKEN' },
      { id: 'd', variable: 'UNSET' },
    ] as Build['secrets'],
    ssh: ['default'],
    network: 'host',
    entitlements: ['security.insecure'],
  })
  expect(foreignSecrets(build, project, { TOKEN: 't' })).toEqual([
    `reads ${join(home, '.npmrc')}, which lies outside of the project`,
    'reads the variable TOKEN of your environment',
    'may log in with your SSH keys (default)',
    'reaches all that listens on this machine (network: host)',
    'has more rights than builds have (security.insecure)',
  ])
  const two = { ...build, secrets: [{ id: 'a', file: `token,src=${join(home, '.npmrc')}` }] }
  expect(() => foreignSecrets(two as Build, project)).toThrow(/takes no secret from/)
})
