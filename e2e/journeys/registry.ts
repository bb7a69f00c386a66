import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RunningWorker } from '@cloister/agent'
import { developmentAccount } from '@cloister/development/accounts'
import { hasRegistry, LOGIN, type Registry, startRegistry } from '@cloister/development/engines'
import { buildWorkbench } from '@cloister/executors'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Json, type Stage, until } from '../embedded.ts'
import { joinWith } from '../joined-worker.ts'

const OWN = 8

/** Images in a registry that asks for a login, on a worker that trusts it. */
export function registryTests(raised: () => Stage): void {
  describe.skipIf(!hasRegistry)('a private registry', () => {
    let stage: Stage
    let worker: RunningWorker
    let registry: Registry
    let provider: string
    const digests: Record<string, string> = {}
    const before = process.env['DOCKER_CONFIG']

    const build = (name: string) => {
      const script = `console.log('build ${name}');require('http').createServer((q,s)=>s.end('build ${name}')).listen(8080)`
      return buildWorkbench(join(stage.folder, 'pushed'), `app:${name}`, { '/app.js': script }, [
        'node',
        '/app.js',
      ])
    }
    const push = (name: string) =>
      registry.push(join(stage.folder, 'pushed'), digests[name] ?? '', 'me/app', 'latest')
    const file = (name: string, text: string) => {
      writeFileSync(join(stage.folder, name), text)
      return join(stage.folder, name)
    }
    const compose = () =>
      file(
        'compose.yaml',
        `services: { web: { image: "${registry.host}/me/app", ports: ["8080"], stop_grace_period: 100ms, deploy: { resources: { limits: { cpus: "0.2", memory: 64M } } } } }\n`,
      )
    const digestOf = async (lease: string) => (await stage.json('status', lease)).services[0]?.digest
    const page = async (url: string) => (await fetch(url)).text()

    beforeAll(async () => {
      stage = raised()
      for (const name of ['one', 'two']) digests[name] = await build(name)
      registry = await startRegistry(stage.folder, { isPrivate: true })
      provider = developmentAccount(stage.embedded.network, OWN).address
      worker = await joinWith(stage, 'own', OWN, {
        prices: { USDC: { cpu: '0.001', memoryGiB: '0.0001', diskGiB: '0.0001' } },
        images: { layouts: [], trustedRegistries: [registry.host] },
      })
      await until(
        'the worker bids',
        async () => (await stage.json('bids', compose(), '--provider', provider)).bids.length === 1,
      )
      process.env['DOCKER_CONFIG'] = join(stage.folder, 'docker')
      mkdirSync(process.env['DOCKER_CONFIG'])
      await push('one')
    }, 240_000)
    afterAll(async () => {
      if (before === undefined) delete process.env['DOCKER_CONFIG']
      else process.env['DOCKER_CONFIG'] = before
      await registry?.stop()
      await worker?.stop()
    }, 180_000)

    it('says that it asks for a login, and how to give one', async () => {
      const { code, stderr } = await stage.cloister('deploy', compose(), '--provider', provider, '--yes')
      expect([code, stderr]).toEqual([1, expect.stringMatching(/asks for a login/)])
      expect(stderr).toContain('--registry-login')
      const none = await stage.cloister(
        'deploy',
        compose(),
        '--provider',
        provider,
        '--registry-login',
        '--yes',
      )
      expect(none.stderr).toMatch(/There is no .*config\.json.*\n.*docker login/)
    })

    let deployed: Json

    it('is pulled from with what `docker login` keeps, which nobody gets to see', async () => {
      const auth = Buffer.from(`${LOGIN.username}:${LOGIN.password}`).toString('base64')
      file('docker/config.json', JSON.stringify({ auths: { [registry.host]: { auth } } }))
      deployed = await stage.json('deploy', compose(), '--provider', provider, '--registry-login', '--yes')
      expect(await page(deployed.url.web)).toBe('build one')
      expect(await digestOf(deployed.lease)).toBe(digests['one'])
      const said = await Promise.all(
        ['status', 'events', 'logs'].map((command) => stage.cloister(command, deployed.lease, '--json')),
      )
      expect(JSON.stringify([said, await stage.cloister('manifest', compose())])).not.toContain(
        LOGIN.password,
      )
    })

    it('is asked anew what a tag means by `update --pull`, and not before', async () => {
      await push('two')
      expect((await stage.cloister('update', deployed.lease, compose())).stdout).toContain('--pull')
      expect(await digestOf(deployed.lease)).toBe(digests['one'])
      // The login that the worker was given holds on.
      await stage.json('update', deployed.lease, compose(), '--pull')
      expect(await digestOf(deployed.lease)).toBe(digests['two'])
      expect(await page(deployed.url.web)).toBe('build two')
    })

    it('is pulled from with the credentials of an SDL file, which are no part of the manifest', async () => {
      const sdl = (password: string) =>
        file(
          'deploy.yaml',
          `version: "2.0"\nservices:\n  web:\n    image: "${registry.host}/me/app:latest"\n    credentials: { host: "${registry.host}", username: ${LOGIN.username}, password: ${password} }\n    env: [A=b]\n    expose: [{ port: 8080, as: 80, to: [{ global: true }] }]\nprofiles:\n  compute: { web: { resources: { cpu: { units: 0.2 }, memory: { size: 64Mi }, storage: { size: 512Mi } } } }\n  placement: { p: { pricing: { web: { denom: uakt, amount: 1 } } } }\ndeployment: { web: { p: { profile: web, count: 1 } } }\n`,
        )
      const wrong = await stage.cloister('update', deployed.lease, sdl('wrong-password'))
      expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringMatching(/login/)])
      expect(wrong.stderr).not.toContain('wrong-password')
      await stage.json('update', deployed.lease, sdl(LOGIN.password))
      expect((await stage.cloister('manifest', sdl(LOGIN.password), '--json')).stdout).not.toContain(
        LOGIN.password,
      )
      expect(await page(deployed.url.web)).toBe('build two')
      await stage.json('close', deployed.lease)
    })
  })
}
