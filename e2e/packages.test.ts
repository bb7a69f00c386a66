import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { DevelopmentRoot } from '@cloister/development/root'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Built, buildPackages } from '../scripts/publish/packages.ts'
import { LocalRegistry } from './packages/registry.ts'
import { simulatedBundle } from './simulated-bundle.ts'

const ROOT = resolve(import.meta.dirname, '..')
const NODES = join(ROOT, 'node_modules/.cache/cloister/nodes')
const ADDRESS = `0x${'11'.repeat(20)}`
const CONTRACTS =
  'admission platforms workers market apps keyService stake emission slashing revocationFund safe'.split(' ')
/** A network as its operator describes it; nobody is asked there. */
const NETWORK = {
  name: 'nowhere',
  chainId: 31337,
  rpcUrl: 'http://127.0.0.1:1',
  pollingIntervalMs: 1000,
  contracts: Object.fromEntries(CONTRACTS.map((name) => [name, ADDRESS])),
  deployedAt: 0,
  emissionStart: 0,
  tokens: [{ symbol: 'USDC', decimals: 6, address: ADDRESS }],
  indexerUrl: 'http://127.0.0.1:1',
  gatewayUrl: 'http://127.0.0.1:1',
  attestation: { endorsementsUrl: 'http://127.0.0.1:1' },
  development: true,
}
const WANTED = new Set(['@cloister/attest', '@cloister/core', '@cloister/sdk', '@cloister/verify'])
const PUBLIC = new Set([...WANTED, 'cloister'])
/** What the set-up of the tests brought, and the one that runs them. */
const nodes = [
  ...(existsSync(NODES) ? readdirSync(NODES).map((name) => join(NODES, name)) : []),
  process.execPath,
]

describe('what npm installs of ours', () => {
  let folder: string
  let built: Built[]
  let registry: LocalRegistry
  let home: string

  const run = (node: string, ...words: string[]) => {
    const { status, stdout, stderr } = spawnSync(node, words, {
      cwd: home,
      encoding: 'utf8',
      timeout: 60_000,
    })
    return { status, stdout, stderr }
  }

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'cloister-packed-'))
    built = await buildPackages(join(folder, 'tarballs'))
    registry = await LocalRegistry.open(built.map(({ tarball }) => tarball))
    home = join(folder, 'home')
    mkdirSync(home)
    writeFileSync(join(home, 'package.json'), '{"name":"somebody","version":"1.0.0","type":"module"}')
    const options = ['--no-audit', '--no-fund', '--cache', join(folder, 'cache'), '--registry', registry.url]
    const npm = spawn('npm', ['install', ...options, ...WANTED, 'cloister'], {
      cwd: home,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const [said, [code]] = await Promise.all([text(npm.stderr), once(npm, 'close')])
    expect({ code, said }).toMatchObject({ code: 0 })
    const root = await DevelopmentRoot.create()
    const bundle = await simulatedBundle(root)
    writeFileSync(join(home, 'bundle.json'), JSON.stringify(bundle))
    writeFileSync(join(home, 'network.json'), JSON.stringify(NETWORK))
    writeFileSync(join(home, 'quote.bin'), Buffer.from(bundle.evidence.quote, 'base64'))
    writeFileSync(join(home, 'endorsements.json'), JSON.stringify(bundle.endorsements))
    writeFileSync(
      join(home, 'compose.yaml'),
      'services: { web: { image: "nginx:1.29", ports: ["80:80"] } }\n',
    )
  })
  afterAll(async () => {
    await registry?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  it('is well-formed: doors lead somewhere, and types are those of what runs', () => {
    for (const { name, tarball } of built.filter(({ name }) => PUBLIC.has(name))) {
      const linted = spawnSync(join(ROOT, 'node_modules/.bin/publint'), ['run', tarball, '--strict'])
      expect(`${linted.stdout}${linted.stderr}`, name).toContain('All good!')
      if (name === 'cloister') continue
      const types = spawnSync(join(ROOT, 'node_modules/.bin/attw'), ['--profile', 'esm-only', tarball])
      expect({ name, status: types.status, said: types.status === 0 ? '' : String(types.stdout) }).toEqual({
        name,
        status: 0,
        said: '',
      })
    }
  })

  it.each(['core', 'attest', 'verify', 'sdk'])('%s does what its README says', (name) => {
    const readme = readFileSync(join(home, 'node_modules/@cloister', name, 'README.md'), 'utf8')
    const [, code = ''] = /```js\n([\s\S]*?)```/.exec(readme) ?? []
    expect(code).toContain(`from '@cloister/${name}'`)
    writeFileSync(join(home, `${name}.js`), code)
    const printed = nodes.map((node) => run(node, `${name}.js`))
    for (const { status, stdout, stderr } of printed)
      expect({ status, stdout, stderr }).toEqual({
        status: 0,
        stdout: expect.stringMatching(/\S/),
        stderr: '',
      })
  })

  it('has a command that does what its README says, on every Node', () => {
    const readme = readFileSync(join(home, 'node_modules/cloister/README.md'), 'utf8')
    const lines = (/```sh\n([\s\S]*?)```/.exec(readme)?.[1] ?? '').trim().split('\n')
    expect(lines.length).toBeGreaterThan(2)
    for (const node of nodes)
      for (const line of lines) {
        const [, ...words] = line.split(' ')
        const { status, stdout, stderr } = run(node, 'node_modules/cloister/dist/main.js', ...words)
        // Evidence of a development root is not Intel's, and a script is told so.
        expect({ line, status, stderr }).toMatchObject({ line, status: line.includes('verify') ? 1 : 0 })
        expect(stdout).toMatch(/\S/)
      }
  })

  it('compiles against its types, without this workspace', () => {
    writeFileSync(
      join(home, 'app.ts'),
      `import { type Cloister, createCloister } from '@cloister/sdk'
import { hashManifest, type Manifest } from '@cloister/core'
export const hash: (manifest: Manifest) => string = hashManifest
export const make: (options: Parameters<typeof createCloister>[0]) => Cloister = createCloister
// @ts-expect-error: a number is no manifest.
hashManifest(1)
`,
    )
    const options = {
      module: 'nodenext',
      strict: true,
      noEmit: true,
      target: 'es2022',
      skipLibCheck: true,
      types: [],
    }
    writeFileSync(
      join(home, 'tsconfig.json'),
      JSON.stringify({ compilerOptions: options, files: ['app.ts'] }),
    )
    const { status, stdout } = spawnSync(join(ROOT, 'node_modules/.bin/tsc'), ['-p', home], {
      encoding: 'utf8',
    })
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' })
  })
})
