import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CloisterError, sentenceOf } from '@cloister/core'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { readManifestFile } from './manifest-file.ts'
import { Permissions, type Taking } from './permissions.ts'

/** A home with a key, a login and an image archive; in it a project that somebody else wrote. */
let home: string
let project: string

beforeAll(() => {
  home = realpathSync(mkdtempSync(join(tmpdir(), 'cloister-permissions-')))
  project = join(home, 'project')
  for (const folder of [
    'keys',
    'layout/blobs/sha256',
    'project/.git',
    'project/sub',
    'project/image/blobs/sha256',
  ])
    mkdirSync(join(home, folder), { recursive: true })
  writeFileSync(join(home, 'keys/id'), 'KEY=private\n')
  writeFileSync(join(home, 'app.tar'), '')
  writeFileSync(join(home, 'layout/index.json'), '{}')
  writeFileSync(join(home, 'other.yaml'), 'services: { web: { image: a } }\n')
  writeFileSync(join(project, '.git/config'), '[core]\n')
  writeFileSync(join(project, 'image/index.json'), '{}')
  symlinkSync('../../../../keys/id', join(project, 'image/blobs/sha256', 'a'.repeat(64)))
  for (const [name, target] of [
    ['linked', '../keys'],
    ['linked.tar', '../app.tar'],
    ['linked.yaml', '../other.yaml'],
    ['sub/git', '../.git'],
  ] as const)
    symlinkSync(target, join(project, name))
})
beforeEach(() => void vi.stubEnv('HOME', home))
afterAll(() => {
  vi.unstubAllEnvs()
  rmSync(home, { recursive: true, force: true })
})

const web = (text: string, more = '') => `services:\n  web: { image: a, ${text} }\n${more}`
const image = (text: string) => `services: { web: { image: "${text}" } }\n`
const build = (text: string, more = '') => `services:\n  web: { build: ${text} }\n${more}`

/** What a file of a stranger asks for, and what has to be allowed for it; HOME is the home's path. */
const TABLE: [what: string, compose: string, permission: string][] = [
  ['env_file above', web('env_file: ../keys/id'), 'fs.read=HOME/keys/id'],
  ['env_file by a link', web('env_file: linked/id'), 'fs.read=HOME/keys/id'],
  ['env_file of git', web('env_file: .git/config'), 'fs.read=HOME/project/.git/config'],
  ['config', web('configs: [c]', 'configs: { c: { file: ../keys/id } }'), 'fs.read=HOME/keys/id'],
  ['secret', web('secrets: [s]', 'secrets: { s: { file: HOME/keys/id } }'), 'fs.read=HOME/keys/id'],
  ['include', `include: [../other.yaml]\n${web('')}`, 'fs.read=HOME/other.yaml'],
  ['include by a link', `include: [linked.yaml]\n${web('')}`, 'fs.read=HOME/other.yaml'],
  ['extends', web('extends: { file: ../other.yaml, service: web }'), 'fs.read=HOME/other.yaml'],
  ['bind mount of a file', web('volumes: ["../keys/id:/id"]'), 'fs.read=HOME/keys/id'],
  ['bind mount of a folder', web('volumes: ["../keys:/k:ro"]'), 'fs.read=HOME/keys'],
  ['bind mount by a link', web('volumes: ["./linked:/k"]'), 'fs.read=HOME/keys'],
  [
    'bind mount, sealed',
    web('volumes: [{ type: bind, source: ../keys, target: /k, x-sealed: true }]'),
    'fs.read=HOME/keys',
  ],
  ['bind mount of git by a link', web('volumes: ["./sub/git:/g"]'), 'fs.read=HOME/project/.git'],
  [
    'a folder with git taken in',
    web('volumes: [{ type: bind, source: ., target: /g, x-exclude: ["!.git", "*linked*", image] }]'),
    'fs.read=HOME/project/.git',
  ],
  ['layout', image('oci:HOME/layout'), 'fs.read=HOME/layout'],
  ['layout by its path', image('HOME/layout:1'), 'fs.read=HOME/layout'],
  ['layout above', image('../layout'), 'fs.read=HOME/layout'],
  ['layout with a link in it', image('./image'), 'fs.read=HOME/keys/id'],
  ['archive', image('oci-archive:HOME/app.tar'), 'fs.read=HOME/app.tar'],
  ['archive of Docker', image('docker-archive:../app.tar:name'), 'fs.read=HOME/app.tar'],
  ['archive by a link', image('./linked.tar'), 'fs.read=HOME/app.tar'],
  ['image of Docker', image('docker-daemon:me/private:1'), 'image=me/private:1'],
  ['image of Podman', image('containers-storage:me/private'), 'image=me/private'],
  ['image that is never pulled', web('pull_policy: never'), 'image=a'],
  ['context above', build('../keys'), 'fs.read=HOME/keys'],
  ['context by a link', build('{ context: ., dockerfile: linked/id }'), 'fs.read=HOME/keys/id'],
  [
    'further context',
    build('{ dockerfile_inline: FROM k, additional_contexts: { k: ../keys } }'),
    'fs.read=HOME/keys',
  ],
  [
    'further context, a layout',
    build('{ dockerfile_inline: FROM k, additional_contexts: { k: "oci-layout://HOME/layout" } }'),
    'fs.read=HOME/layout',
  ],
  [
    'secret of a build',
    build('{ dockerfile_inline: FROM k, secrets: [s] }', 'secrets: { s: { file: ../keys/id } }'),
    'fs.read=HOME/keys/id',
  ],
  [
    'variable of a build',
    build('{ dockerfile_inline: FROM k, secrets: [s] }', 'secrets: { s: { environment: PLAIN } }'),
    'env=PLAIN',
  ],
  ['keys of SSH', build('{ dockerfile_inline: FROM k, ssh: [default] }'), 'ssh=default'],
  ['network of this machine', build('{ dockerfile_inline: FROM k, network: host }'), 'network.host'],
  ['secret of the environment', web('environment: [NPM_TOKEN]'), 'env=NPM_TOKEN'],
  [
    'secret of the environment, filled in',
    web('command: "x ${AWS_SECRET_ACCESS_KEY:-}"'),
    'env=AWS_SECRET_ACCESS_KEY',
  ],
  [
    'secret of the environment as a file',
    web('configs: [c]', 'configs: { c: { environment: NPM_TOKEN } }'),
    'env=NPM_TOKEN',
  ],
  [
    'secret of the environment as an argument',
    build('{ dockerfile_inline: FROM k, args: [NPM_TOKEN] }'),
    'env=NPM_TOKEN',
  ],
]

const fill = (text: string) => text.replaceAll('HOME', home)

describe('what a file takes that is not its project’s', () => {
  beforeEach(() => {
    vi.stubEnv('NPM_TOKEN', 'npm-secret')
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'aws-secret')
    vi.stubEnv('PLAIN', 'plain')
    // No container engine is asked for what is allowed.
    vi.stubEnv('PATH', '')
  })
  const read = (compose: string, options: object, ask?: (takings: readonly Taking[]) => Promise<boolean>) => {
    writeFileSync(join(project, 'compose.yaml'), fill(compose))
    // Nothing is built: what is not refused fails here.
    return readManifestFile(join(project, 'compose.yaml'), { builder: 'none', ...options }, true, {
      ...(ask && { ask }),
    }).catch((error) => error)
  }

  it.each(TABLE)(
    '%s is refused where nobody can be asked, taken where it is allowed',
    async (_, compose, wanted) => {
      const permission = fill(wanted)
      const refused = await read(compose, {})
      expect(refused).toMatchObject({ code: 'outside' })
      expect(sentenceOf(refused.hint)).toContain(`--allow ${permission}`)

      const asked: string[] = []
      const no = await read(compose, {}, async (takings) => {
        asked.push(...takings.map((taking) => taking.permission))
        return false
      })
      expect([asked, no.code]).toEqual([[permission], 'outside'])

      const allowed = await read(compose, { allow: [permission] })
      expect(allowed instanceof CloisterError && allowed.code).not.toBe('outside')
      const yes = await read(compose, {}, async () => true)
      expect(yes instanceof CloisterError && yes.code).not.toBe('outside')
    },
  )

  it('is what it is allowed, and no more', async () => {
    const compose = web('volumes: ["../keys:/k:ro"], env_file: ../other.yaml')
    expect(await read(compose, { allow: [`fs.read=${home}/keys`] })).toMatchObject({ code: 'outside' })
    expect(await read(web('volumes: ["../keys:/k:ro"]'), { allow: ['fs.read=~/keys'] })).toHaveProperty(
      'manifest',
    )
    const git = web('env_file: .git/config')
    expect(await read(git, { allow: [`fs.read=${home}`] })).toMatchObject({ code: 'outside' })
    expect(await read(web(''), { allow: ['all'] })).toMatchObject({ code: 'bad-option' })
  })

  it('is asked about until all is known', async () => {
    writeFileSync(join(home, 'more.yaml'), 'services: { more: { image: b, env_file: keys/id } }\n')
    const asked: string[][] = []
    const found = await read(
      `include: [../more.yaml]\n${web('environment: [NPM_TOKEN]')}`,
      {},
      async (takings) => {
        asked.push(takings.map(({ permission }) => permission))
        return true
      },
    )
    expect(asked).toEqual([[`fs.read=${home}/more.yaml`], [`fs.read=${home}/keys/id`], ['env=NPM_TOKEN']])
    expect(found.manifest.services.more.env).toEqual({ KEY: 'private' })
  })

  it('is no folder that a volume is to lie in: that is a fresh one', async () => {
    const options = 'driver_opts: { type: none, o: bind, device: HOME/keys }'
    expect(await read(web('volumes: ["v:/v"]', `volumes: { v: { ${options} } }`), {})).toMatchObject({
      contents: [],
    })
  })

  it('is neither an ordinary variable nor a secret that is the project’s own', async () => {
    expect(await read(web('environment: [PLAIN]'), {})).toHaveProperty('manifest')
    writeFileSync(join(project, '.env'), 'DB_PASSWORD=own\n')
    expect(await read(web('environment: [DB_PASSWORD]'), {})).toMatchObject({
      manifest: { services: { web: { env: { DB_PASSWORD: 'own' } } } },
    })
    // One that the environment has hides behind another name of the project's.
    writeFileSync(join(project, '.env'), 'NAME=$NPM_TOKEN\n')
    const hidden = await read(web('environment: [NAME]'), {})
    expect(hidden).toMatchObject({ code: 'outside', details: { permissions: ['env=NPM_TOKEN'] } })
    rmSync(join(project, '.env'))
  })
})

it('a permission is written as a shell takes it', async () => {
  const folder = join(home, "it's here")
  mkdirSync(folder)
  const permissions = new Permissions()
  const place = { folder: project, root: project }
  const error = await permissions.require([permissions.ofPath(place, folder)]).catch((thrown) => thrown)
  const words = /(--allow .*)\.$/.exec(error.hint)?.[1]
  expect(execFileSync('/bin/sh', ['-c', `printf '%s\\n' ${words}`], { encoding: 'utf8' })).toBe(
    `--allow\nfs.read=${folder}\n`,
  )
})
