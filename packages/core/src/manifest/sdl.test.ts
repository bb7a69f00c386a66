import { describe, expect, it } from 'vitest'
import { checkSupported, orderFor } from '../market/order.ts'
import { defaultPolicy } from '../policy.ts'
import { toCanonicalJson } from './canonical.ts'
import { gpuMismatch, impossibleGpus } from './gpu.ts'
import { parseManifest } from './parse.ts'
import { compose, sdl } from './testing.ts'

describe('SDL of today', () => {
  it('asks for a TEE and for notice', () => {
    const { manifest } = sdl('params: { tee: cpu }', { top: 'reclamation: { min_window: 24h }' })
    expect(manifest.demands).toEqual({ tee: 'cpu', noticeSeconds: 86_400 })
    expect(manifest.attributes).toEqual({ 'capabilities/storage/1/class': 'beta3' })
  })

  it('a TEE of GPUs is GPUs in confidential mode, whatever the policy was', () => {
    const gpu = ', gpu: { units: 1, attributes: { vendor: { nvidia: [{ model: h100 }] } } }'
    const { manifest } = sdl('params: { tee: cpu-gpu }', { resources: gpu })
    const order = orderFor(manifest, {
      tenant: '0x0000000000000000000000000000000000000001',
      token: '0x0000000000000000000000000000000000000002',
      policy: defaultPolicy(true),
    })
    expect([defaultPolicy(true).gpus, order.policy.gpus]).toEqual(['any', 'confidential'])
    expect(() => sdl('params: { tee: cpu-gpu }')).toThrow(/and no GPU/)
    expect(() => sdl('params: { tee: gpu }')).toThrow(/params\.tee: found "gpu"/)
  })

  it('limits what the gateway lets through', () => {
    const expose =
      '{ port: 80, as: 80, http_options: { max_body_size: 1000, read_timeout: 5000, send_timeout: 0, next_cases: [error] }, to: [{ global: true }] }'
    const { manifest, warnings } = sdl('', { expose })
    expect(manifest.services['web']?.expose[0]?.http).toEqual({ maxBodyBytes: 1000, readTimeoutMs: 5000 })
    expect(warnings.map(({ field }) => field)).toContain('services.web.expose[0].http_options.next_cases')
  })

  it('has HTTP on 80 alone', () => {
    const { manifest } = sdl('', {
      expose:
        '{ port: 8443, as: 443, to: [{ global: true }] }, { port: 3000, as: 80, to: [{ global: true }] }',
    })
    expect(manifest.services['web']?.expose.map(({ port, protocol }) => [port, protocol])).toEqual([
      [8443, 'tcp'],
      [3000, 'http'],
    ])
  })

  it('says where "as" differs from what services of the lease see', () => {
    const { warnings } = sdl('', { expose: '{ port: 5000, as: 80, to: [{ service: web }] }' })
    expect(warnings.some(({ message }) => message.includes('reach it at port 5000, not 80'))).toBe(true)
  })

  it('GPU memory and form decide', () => {
    const gpu =
      ', gpu: { units: 2, attributes: { vendor: { nvidia: [{ model: a100, ram: 80Gi, interface: sxm }] } } }'
    const { resources } = orderFor(sdl('', { resources: gpu }).manifest, {
      tenant: '0x0000000000000000000000000000000000000001',
      token: '0x0000000000000000000000000000000000000002',
      policy: defaultPolicy(true),
    })
    expect(gpuMismatch(resources, { gpuClass: 'a100', ram: '80Gi', form: 'SXM' })).toBeUndefined()
    expect(gpuMismatch(resources, { gpuClass: 'a100', ram: '40Gi', form: 'sxm' })).toMatch(
      /a100 with 80 GiB sxm; here is a100 with 40 GiB/,
    )
    expect(gpuMismatch(resources, { gpuClass: 'a100', ram: '80Gi' })).toMatch(/form nobody states/)
    expect(gpuMismatch(resources, { gpuClass: 'a100', form: 'sxm' })).toMatch(/memory nobody states/)
    expect(impossibleGpus(resources, 'a100')).toBeUndefined()
    const any = [[{ model: '*', memoryMiB: 40 * 1024 }]]
    expect(gpuMismatch({ gpuKinds: any }, { gpuClass: 'l4', ram: '80Gi' })).toMatch(/here is l4 with 24 GiB/)
    expect(gpuMismatch({ gpuKinds: any }, { gpuClass: 'l40s' })).toBeUndefined()
    expect([impossibleGpus({ gpuKinds: any }, 'l4'), impossibleGpus({ gpuKinds: any }, 'h100')]).toEqual([
      expect.stringMatching(/l4/),
      undefined,
    ])
    expect(gpuMismatch({ gpuKinds: any }, { gpuClass: '' })).toMatch(/no GPU/)
  })

  it('other vendors’ GPUs, and models that no one worker has, are refused before money moves', () => {
    const of = (text: string) => () => checkSupported(compose(text).manifest)
    expect(of('services: { a: { image: a, gpus: [{ driver: amd, count: 1 }] } }')).toThrow(/GPUs of amd/)
    const { manifest } = compose(
      'services: { a: { image: a, gpus: [{ count: 1 }] }, b: { image: b, gpus: [{ count: 1 }] } }',
    )
    for (const [name, model] of [
      ['a', 'h100'],
      ['b', 'a100'],
    ] as const) {
      const gpu = manifest.services[name]?.resources.gpu
      if (gpu) gpu.models = [{ model }]
    }
    expect(() => checkSupported(manifest)).toThrow(/different GPU models/)
  })

  it.each([
    ['cmd: [a]', 'services.web.cmd'],
    ['environment: [a]', 'services.web.environment'],
    ['params: { permissions: { read: [logs] } }', 'services.web.params.permissions'],
    ['params: { storages: {} }', 'services.web.params.storages'],
  ])('passes over `%s` as Akash does, with a warning', (line, field) => {
    expect(sdl(line).warnings).toContainEqual(expect.objectContaining({ field, line: 7 }))
  })

  it('has no password in the manifest: logins go beside it', () => {
    const { manifest, logins } = sdl(
      'credentials: { host: https://index.docker.io/v1/, username: me, password: correct-horse }',
    )
    expect(logins).toEqual([{ host: 'registry-1.docker.io', username: 'me', password: 'correct-horse' }])
    expect(toCanonicalJson(manifest)).not.toMatch(/correct-horse|index\.docker/)
    expect(() => sdl('credentials: { host: r.example.com, username: me }')).toThrow(
      /deploy\.yaml:7 services\.web\.credentials/,
    )
    expect(() => sdl('credentials: { host: r.example.com, username: "a:b", password: secret }')).toThrow(
      /credentials\.username: found "a:b"/,
    )
    expect(() => sdl('credentials: { host: r.example.com, username: a, password: "a\\nX-B: c" }')).toThrow(
      /credentials\.password/,
    )
  })

  it('has one login for a registry', () => {
    const file = (password: string) =>
      `version: "2.0"\nservices:\n  a: { image: r.example.com/a, credentials: { host: r.example.com, username: me, password: one } }\n  b: { image: r.example.com/b, credentials: { host: r.example.com, username: me, password: ${password} } }\nprofiles:\n  compute: { p: { resources: { cpu: { units: 1 }, memory: { size: 64Mi }, storage: { size: 64Mi } } } }\n  placement: { g: { pricing: { a: { denom: uakt, amount: 1 }, b: { denom: uakt, amount: 1 } } } }\ndeployment: { a: { g: { profile: p, count: 1 } }, b: { g: { profile: p, count: 1 } } }`
    expect(parseManifest(file('one'), { file: 'deploy.yaml' }).logins).toHaveLength(1)
    expect(() => parseManifest(file('two'), { file: 'deploy.yaml' })).toThrow(
      /deploy\.yaml:4 services\.b\.credentials: another service logs in to r\.example\.com/,
    )
  })

  it('knows what people write for dependencies', () => {
    expect(() => sdl('depends_on: [db]')).toThrow(
      /deploy\.yaml:7 services\.web\.depends_on: db is not in the placement group/,
    )
  })
})
