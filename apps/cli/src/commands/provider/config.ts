import { existsSync } from 'node:fs'
import { cpus, freemem } from 'node:os'
import { dirname, relative, resolve } from 'node:path'
import type { AgentConfig } from '@cloister/agent'
import type { Wallet } from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import { type Cloister, walletOf } from '@cloister/sdk'
import { note, say } from '@cloister/terminal'
import type { Command } from 'commander'
import { isAddress } from 'viem'
import { connect, findNetwork } from '../../context.ts'
import { writeOutput } from '../../output-file.ts'
import type { ConfigOptions } from './options.ts'

/** What a provider's commands work with. */
export interface Provider {
  path: string
  config: AgentConfig
  cloister: Cloister
  wallet: Wallet
}

/**
 * Opens the provider's wallet, and the configuration file, which it writes where there is none. Says so
 * where one that is there says otherwise than the options. Throws `bad-option`, `bad-config`, `no-wallet`.
 */
export async function openProvider(options: ConfigOptions, command: Command): Promise<Provider> {
  const { loadAgentConfig } = await import('@cloister/agent')
  const path = resolve(options.config)
  const known = existsSync(path) ? loadAgentConfig(path) : undefined
  // The wallet first: nothing is written for somebody who can't act.
  const cloister = connect({ ...options, ...(known && { network: known.network }) })
  const wallet = walletOf(cloister)
  if (!known) writeConfig(path, options)
  else if (!options.json) tellUnused(known, options, command)
  return { path, config: known ?? loadAgentConfig(path), cloister, wallet }
}

function tellUnused(
  { name, endpoint, listen, executor, capacity, manager: known }: AgentConfig,
  options: ConfigOptions,
  command: Command,
): void {
  const holds = {
    name,
    endpoint,
    port: listen.port,
    engine: executor.engine,
    gpus: capacity.gpus,
    gpuClass: capacity.gpuClass,
    manager: known,
  }
  const names = ['name', 'endpoint', 'port', 'engine', 'gpus', 'gpuClass', 'manager'] as const
  const unused = names.filter(
    (one) => command.getOptionValueSource(one) === 'cli' && options[one] !== String(holds[one]),
  )
  if (unused.length > 0)
    note(
      `! ${options.config} is there already and holds; what was said of ${unused.join(', ')} is not used. Change it there.`,
    )
}

/** Writes a configuration file. Throws `bad-option`. */
export function writeConfig(path: string, options: ConfigOptions): void {
  checkOptions(options)
  const port = portOf(options)
  writeOutput(
    path,
    template({
      name: options.name,
      network: relative(dirname(path), findNetwork(options)),
      port: Number(port),
      endpoint: options.endpoint ?? `https://127.0.0.1:${port}`,
      // A node's containers are its engine's.
      engine: options.manager === undefined || options.engine === 'kubelet' ? options.engine : 'docker',
      manager: options.manager,
      gpus: Number(options.gpus),
      gpuClass: options.gpuClass,
    }),
    { flag: 'wx' },
  )
  if (!options.json)
    say(`Wrote ${options.config}. Look at the prices in it; they can be changed at any time.`)
}

/** The port to listen on: what is said, else the one that the endpoint names, else 7070. */
function portOf({ port, endpoint }: ConfigOptions): string {
  return port ?? (URL.parse(endpoint ?? '')?.port || '7070')
}

/** Throws `bad-option` with each option that a configuration can't hold, and what it takes. */
export function checkOptions(options: ConfigOptions): void {
  const { name, engine, gpus, gpuClass, endpoint, manager } = options
  const port = portOf(options)
  const whole = (text: string, most: number) => /^\d{1,5}$/.test(text) && Number(text) <= most
  const wrong = [
    !/^[a-z0-9][a-z0-9-]{0,31}$/.test(name) &&
      `--name takes up to 32 lower-case letters, digits and hyphens, not ${name}`,
    !whole(port, 65_535) && `--port takes a number up to 65535, not ${port}`,
    endpoint !== undefined &&
      !/^https?:$/.test(URL.parse(endpoint)?.protocol ?? '') &&
      `--endpoint takes an http(s) URL, not ${endpoint}`,
    !ENGINES.includes(engine) && `--engine takes ${ENGINES.join(', ')}, not ${engine}`,
    manager !== undefined &&
      !NODE_ENGINES.includes(engine) &&
      `--engine of a node takes docker, or kubelet in a cluster, not ${engine}`,
    manager === undefined && engine === 'kubelet' && '--engine kubelet is for a node, which has a --manager',
    manager !== undefined && !isAddress(manager) && `--manager takes a worker's address, not ${manager}`,
    !whole(gpus, 64) && `--gpus takes a number up to 64, not ${gpus}`,
    !/^[a-z0-9._-]{1,32}$/.test(gpuClass) && `--gpu-class takes a class such as h100, not ${gpuClass}`,
  ].filter((text) => text !== false)
  if (wrong.length > 0) throw new CloisterError('bad-option', `${wrong.join('; ')}.`)
}

const ENGINES = ['sandbox', 'docker', 'swarm', 'kubernetes', 'kubelet']
/** What a node is written with; all but a cluster's have Docker's interface. */
const NODE_ENGINES = ['sandbox', 'docker', 'kubelet']

const ENGINE_LINES: Record<string, string> = {
  docker: '  socket: /var/run/docker.sock\n',
  swarm: `  socket: /var/run/docker.sock
  # What containers on different machines say to each other is encrypted, which takes IPsec in the kernels.
  encrypted: true
  # The other machines: the worker of each, which runs \`cloister provider node\`, and where its door is.
  # capacity above is the sum of all.
  nodes: []
  #  - { worker: "0x…", at: "10.0.0.2:7070" }
`,
  kubernetes: `  # Without it, the service account of the pod that the worker runs in; see ops/kubernetes.
  kubeconfig: kubeconfig.yaml
  # Machines that may have containers, as the cluster calls them, and the worker that each is: it runs
  # \`cloister provider node\`. capacity above is the sum of all.
  nodes: []
  #  - { name: machine-1, worker: "0x…" }
  # storageClass: fast
  # runtimeClass: kata-qemu-tdx
  # gpuResource: nvidia.com/gpu
  # Networks from which this worker reaches pods, and networks that no lease reaches.
  workerNetworks: []
  closedNetworks: []
`,
}

function template(values: {
  name: string
  network: string
  port: number
  endpoint: string
  engine: string
  manager: string | undefined
  gpus: number
  gpuClass: string
}): string {
  const memoryGiB = Math.max(1, Math.floor((freemem() / 1024 ** 3) * 0.8))
  return `# A Cloister worker. Paths are relative to this file; see docs/providers.md.

# Shown to tenants.
name: ${values.name}
# The network to work for.
network: ${values.network}
# The worker's key and memory. Back up worker.key; losing it means registering as a new worker.
folder: .cloister-worker

listen:
  # host: 0.0.0.0 is IPv4 alone; without it IPv6 as well, where this machine has it.
  port: ${values.port}
# Where tenants and gateways reach this worker. Over https: with the worker's own attested key, so that
# nobody on the way can read along: let connections through to it as they are, and terminate TLS nowhere
# else. Registered on chain: run \`cloister provider init\` again after a change.
endpoint: ${values.endpoint}

# What is lent. Never more than this is leased at once.
capacity:
  cpus: ${Math.max(1, cpus().length - 1)}
  memory: ${memoryGiB}GiB
  disk: 20GiB
${values.gpus > 0 ? `  gpus: ${values.gpus}\n  gpuClass: ${values.gpuClass}` : '  # gpus: 1\n  # gpuClass: h100'}

# sandbox needs nothing but runc and conmon and gives a lease one network; docker speaks to Docker or Podman;
# swarm runs on all machines of a Docker Swarm that this one manages; kubernetes on those of a cluster.
executor:
  engine: ${values.engine}
${ENGINE_LINES[values.engine] ?? ''}${values.manager === undefined ? '' : `\n# The worker whose node this machine is: it runs its containers here, and nothing is lent otherwise.\nmanager: ${values.manager.toLowerCase()}\n`}
# Per hour, in whole tokens. A bid is the sum, rounded up to a whole base unit per second. minimumDeposit is
# the least that a lease is opened with: it pays for the transactions that its end takes.
prices:
  USDC: { cpu: "0.02", memoryGiB: "0.005", diskGiB: "0.0002", minimumDeposit: "0.01" }
  CLOI: { cpu: "0.1", memoryGiB: "0.025", diskGiB: "0.001", minimumDeposit: "0.05" }
# Or a program that gets the order as JSON and answers {"ratePerSecond": "12"} or {"decline": "why"}:
# bidScript: ./price.js
# The smallest lease that is worth its upkeep. Less is not bid on, and each is opened with what lasts so
# many seconds.
smallest: { cpus: 0.05, memory: 32MiB, seconds: 3600 }

# What manifests may ask of a worker.
attributes:
  region: home

# Images are pulled from their registries. Folders in the OCI layout are looked at first:
# images:
#   layouts: [./images]
#   trustedRegistries: ["localhost:5000"]

# Ports of this machine for services that open TCP ports to the outside.
tcpPorts: { first: 30000, last: 30999 }
# Seconds between two collections of what was earned.
settleEverySeconds: 3600
`
}
