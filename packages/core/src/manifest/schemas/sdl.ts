import type { Json, Language } from './walk.ts'

const GPU = { vendor: { nvidia: [{ model: 'a100' }] } }

const BESIDE: Record<string, { [key: string]: Json }> = {
  'endpoints.*': { kind: 'ip' },
  'profiles.compute.*.resources.gpu.attributes.vendor': GPU.vendor,
  'profiles.compute.*.resources.gpu': { units: 1, attributes: GPU },
  'profiles.compute.*.resources.storage': { size: '64Mi' },
  'services.*.credentials': { host: 'registry.example.com', username: 'me', password: 'secret' },
  'services.*.expose[]': { port: 80, as: 80, to: [{ global: true }] },
  'services.*.params.storage.*': { mount: '/data' },
  'profiles.placement.*.pricing.*': { denom: 'uakt', amount: 1 },
  reclamation: { min_window: '24h' },
}

/** How the walk writes SDL files, and values that ask for something. */
export const SDL: Language = {
  file: 'deploy.yaml',
  plain: () => ({
    version: '2.1',
    services: { web: { image: 'a' }, db: { image: 'b', expose: [{ port: 5432, to: [{ service: 'web' }] }] } },
    profiles: {
      compute: {
        web: {
          resources: {
            cpu: { units: 1 },
            memory: { size: '64Mi' },
            storage: [
              { size: '64Mi' },
              { name: 'data', size: '64Mi', attributes: { class: 'beta2', persistent: true } },
            ],
          },
        },
        other: { resources: { cpu: { units: 2 }, memory: { size: '64Mi' }, storage: { size: '64Mi' } } },
      },
      placement: { p: { pricing: { web: { denom: 'uakt', amount: 1 }, db: { denom: 'uakt', amount: 1 } } } },
    },
    deployment: { web: { p: { profile: 'web', count: 1 } }, db: { p: { profile: 'other', count: 1 } } },
  }),
  names: {
    services: 'web',
    deployment: 'web',
    web: 'p',
    compute: 'web',
    placement: 'p',
    pricing: 'web',
    storage: 'data',
    endpoints: 'myip',
  },
  beside: (mapping, tried) => {
    if (/storage\[\]\.attributes\./.test(tried) && mapping.endsWith('attributes'))
      return { class: 'beta3', persistent: true }
    return BESIDE[mapping]
  },
  values: {
    version: ['2.0'],
    'deployment.*.*.count': [2],
    'deployment.*.*.profile': ['other'],
    'endpoints.*.kind': ['ip'],
    'services.*.expose[].accept[]': ['app.example.org'],
    'profiles.compute.*.resources.cpu.units': [2, '500m'],
    'profiles.compute.*.resources.gpu.units': [2],
    'profiles.compute.*.resources.gpu.attributes.vendor.nvidia[].interface': ['sxm'],
    'profiles.compute.*.resources.gpu.attributes.vendor.nvidia[].model': ['a100'],
    'profiles.compute.*.resources.gpu.attributes.vendor.nvidia[].ram': ['80Gi'],
    'profiles.compute.*.resources.memory.size': ['128Mi'],
    'profiles.compute.*.resources.storage.size': ['128Mi'],
    'profiles.compute.*.resources.storage[].size': ['128Mi'],
    'profiles.compute.*.resources.storage.attributes.class': ['ram'],
    'profiles.compute.*.resources.storage.attributes.persistent': [true],
    'profiles.placement.*.pricing.*.amount': [5],
    'profiles.placement.*.pricing.*.denom': ['uact'],
    'services.*.credentials.email': ['me@example.com'],
    'services.*.dependencies[].service': ['db'],
    'services.*.env[]': ['A=b'],
    'services.*.expose[].as': [8080],
    'services.*.expose[].port': [81],
    'services.*.expose[].proto': ['udp'],
    'services.*.expose[].to[].global': [true],
    'services.*.expose[].to[].service': ['db'],
    'services.*.params.storage.*.mount': ['/data'],
    'services.*.params.storage.*.readOnly': [true],
    'services.*.params.permissions.read[]': ['logs'],
    'services.*.params.tee': ['cpu'],
    'reclamation.min_window': ['24h'],
  },
  others: {
    version: '3.0',
    'deployment.*.*.profile': 'web',
    'profiles.compute.*.resources.cpu.units': 3,
    'profiles.compute.*.resources.memory.size': '1Gi',
    'profiles.compute.*.resources.storage.size': '1Gi',
    'profiles.compute.*.resources.storage[].size': '1Gi',
    'services.*.credentials.host': 'registry.example.net',
    'services.*.credentials.username': 'you',
    'services.*.credentials.password': 'other',
    'services.*.expose[].port': 82,
    'services.*.expose[].to[].service': 'nobody',
    'services.*.image': 'c',
    'services.*.params.storage.*.mount': '/other',
    'reclamation.min_window': '48h',
  },
  files: {},
}
