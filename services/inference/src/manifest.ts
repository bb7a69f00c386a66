import { checkManifest, type Manifest, toBase64, toCanonicalJson, utf8 } from '@cloister/core'
import type { EndpointOptions } from './protocol/options.ts'

/** The door's image; its digest says which. */
export const IMAGE = 'cloister/inference:1'
/** Where the door finds its options in its container. */
export const OPTIONS_PATH = '/etc/cloister/endpoint.json'
/** Where the door answers, inside its lease. */
export const DOOR_PORT = 8080
/** Where the door keeps receipts and channels. */
export const DATA_PATH = '/data'
/** Name of the engine's container, which is its host name in the lease. */
const ENGINE_SERVICE = 'engine'
const DOOR_SERVICE = 'door'
const DEFAULT_ENGINE_DISK_MIB = 1_024

/**
 * What an endpoint runs. The same options give the same manifest, whoever makes it: clients compare its hash
 * with the lease's. An engine in a container has no way out of the lease, and nobody reads what it prints, so
 * prompts don't leave it.
 *
 * @example
 * ```ts
 * import { leases, models } from '@cloister/sdk'
 *
 * const manifest = models.manifestOf(models.checkOptions(JSON.parse(text)))
 * const { bids } = await leases.bids(cloister, { manifest, pay: 'USDC' })
 * ```
 */
export function inferenceManifest(options: EndpointOptions): Manifest {
  const { engine } = options
  const isInside = !('url' in engine)
  return checkManifest({
    version: 1,
    services: {
      [DOOR_SERVICE]: doorService(options),
      ...(isInside && { [ENGINE_SERVICE]: engineService(engine) }),
    },
    volumes: { held: { sizeMiB: 256, class: 'default' } },
    attributes: {},
    front: { service: DOOR_SERVICE, port: DOOR_PORT },
    ...(isInside && { internet: false as const }),
  })
}

/** Where the door reaches the engine. */
export function engineUrlOf({ engine }: EndpointOptions): string {
  return 'url' in engine ? engine.url : `http://${ENGINE_SERVICE}:${engine.port}`
}

const PLAIN = {
  env: {},
  count: 1,
  expose: [],
  mounts: [],
  tmpfs: [],
  files: [],
  // Whoever leases an endpoint gets no look at what others ask it.
  exec: false as const,
  dependsOn: [],
  restart: { policy: 'always' as const },
  maxProcesses: 1_024,
  ulimits: {},
  readOnlyRoot: false,
  stopGraceMs: 10_000,
}

function doorService(options: EndpointOptions): Manifest['services'][string] {
  const content = toBase64(utf8(toCanonicalJson(options)))
  return {
    ...PLAIN,
    image: `${IMAGE}@${options.door}`,
    expose: [{ port: DOOR_PORT, as: 80, protocol: 'http', global: true }],
    mounts: [{ volume: 'held', path: DATA_PATH, readOnly: false }],
    files: [{ path: OPTIONS_PATH, mode: 0o444, secret: false, content }],
    agentSocket: true,
    health: {
      test: [
        'CMD',
        'node',
        '-e',
        `fetch('http://127.0.0.1:${DOOR_PORT}/health').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))`,
      ],
      intervalMs: 60_000,
      timeoutMs: 5_000,
      startPeriodMs: 30_000,
      retries: 3,
    },
    resources: { cpuMilli: 1_000, memoryMiB: 256, diskMiB: 64 },
    readOnlyRoot: true,
  }
}

function engineService(
  engine: Exclude<EndpointOptions['engine'], { url: string }>,
): Manifest['services'][string] {
  const { memoryMiB, cpuMilli, diskMiB = DEFAULT_ENGINE_DISK_MIB, gpus } = engine
  const gpu = gpus && { ...gpus, models: gpus.models.map((model) => ({ model })) }
  return {
    ...PLAIN,
    image: `${engine.image}@${engine.digest}`,
    // What it prints may have prompts in it, whatever engine it is.
    logs: false,
    ...(engine.command && { command: engine.command }),
    env: engine.env ?? {},
    expose: [{ port: engine.port, as: engine.port, protocol: 'http', global: false }],
    ...(engine.shmMiB !== undefined && { shmMiB: engine.shmMiB }),
    files: (engine.files ?? []).map(({ path, digest, bytes }) => ({
      path,
      mode: 0o444,
      secret: false,
      blob: { digest, bytes },
    })),
    resources: { cpuMilli, memoryMiB, diskMiB, ...(gpu && { gpu }) },
  }
}
