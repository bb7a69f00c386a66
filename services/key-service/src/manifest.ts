import { type Manifest, parseManifest } from '@cloister/core'

/** The image's name; its digest says which. */
export const IMAGE = 'cloister/key-service:1'
const SERVICE = 'keys'

/** What an instance runs, image by digest. Its hash is what `KeyService.manifestHash` names. */
export function keyServiceManifest(digest: string): Manifest {
  const compose = {
    services: {
      [SERVICE]: {
        image: `${IMAGE}@${digest}`,
        restart: 'always',
        ports: ['80:8080'],
        volumes: ['held:/data'],
        read_only: true,
        cpus: '0.5',
        mem_limit: '192m',
        storage_opt: { size: '64m' },
        // Whoever leases an instance gets nothing out of it: no shell, and nothing in its logs.
        'x-exec': false,
        'x-agent-socket': true,
        healthcheck: {
          test: [
            'CMD',
            'node',
            '-e',
            "fetch('http://127.0.0.1:8080/v1/state').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))",
          ],
          interval: '60s',
          timeout: '5s',
          retries: 3,
          start_period: '30s',
        },
      },
    },
    volumes: { held: { 'x-size': '16m' } },
  }
  return parseManifest(JSON.stringify(compose), { file: 'key-service.json', env: {} }).manifest
}
