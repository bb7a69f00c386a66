import { randomInt } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CloisterError } from '@cloister/core'
import * as z from 'zod'
import { freePort, isFree } from './ports.ts'

const port = z.int().min(1).max(65_535)

/** Ports of the embedded network; the same on every start, since workers are registered under them. */
const Ports = z.strictObject({
  chain: port,
  /** The chain below, where the network is a layer 2. */
  layer1: port.optional(),
  indexer: port,
  gateway: port,
  /** Networks of before had no hub. */
  hub: port.default(18900),
  endorsements: port,
  workers: z.tuple([port, port, port]),
  tcp: port,
})
type Ports = z.infer<typeof Ports>

const USUAL = {
  chain: 18545,
  layer1: 18546,
  indexer: 18600,
  gateway: 18080,
  hub: 18900,
  endorsements: 18700,
  workers: [17071, 17072, 17073],
  tcp: 31000,
} satisfies Ports

/** Ports for leases that the three workers have together. */
const TCP_PORTS_OF_ALL = 300
const LOWEST_TCP = 10_000

/** Where the embedded network keeps its state, and the ports it has. */
export interface Settings {
  folder: string
  ports: Ports
}

/**
 * Reads the ports of the last start, or chooses some: the usual ones where they are free, others where not.
 * `claim` holds one until the end.
 */
export async function loadSettings(
  folder: string,
  claim: (port: number) => Promise<boolean>,
  { freePorts = false, layer2 = false } = {},
): Promise<Settings> {
  const path = join(folder, 'ports.json')
  mkdirSync(folder, { recursive: true })
  try {
    return { folder, ports: checkLayers(Ports.parse(JSON.parse(readFileSync(path, 'utf8'))), layer2) }
  } catch (error) {
    if (error instanceof CloisterError) throw error
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      throw new CloisterError('bad-state', `${path} is not ours to read.`, {
        hint: 'Begin anew with `npm start -- --fresh`.',
        cause: error,
      })
  }
  const taken = new Set<number>()
  const choose = async (usual: number) => {
    const chosen = !freePorts && (await isFree(usual)) ? usual : await freePort(taken)
    taken.add(chosen)
    return chosen
  }
  const [a, b, c] = USUAL.workers
  const ports: Ports = {
    chain: await choose(USUAL.chain),
    ...(layer2 && { layer1: await choose(USUAL.layer1) }),
    indexer: await choose(USUAL.indexer),
    gateway: await choose(USUAL.gateway),
    hub: await choose(USUAL.hub),
    endorsements: await choose(USUAL.endorsements),
    workers: [await choose(a), await choose(b), await choose(c)],
    tcp: freePorts ? await claimTcpPorts(claim) : USUAL.tcp,
  }
  writeFileSync(`${path}.new`, JSON.stringify(ports))
  renameSync(`${path}.new`, path)
  return { folder, ports }
}

/** A chain that is there can't become a layer 2: it has to be one from its first block on. */
function checkLayers(ports: Ports, layer2: boolean): Ports {
  if (ports.layer1 !== undefined || !layer2) return ports
  throw new CloisterError('bad-option', 'The network that is there has no layer 1 below it.', {
    hint: 'Begin anew with `npm start -- --layer2 --fresh`.',
  })
}

/**
 * A range of ports for leases that no other network of this machine has: whoever has one listens at the port
 * after it. Below those that the kernel gives to connections. Throws `no-ports`.
 */
async function claimTcpPorts(claim: (port: number) => Promise<boolean>): Promise<number> {
  const stride = TCP_PORTS_OF_ALL + 1
  const count = Math.floor((USUAL.tcp - LOWEST_TCP) / stride)
  const begin = randomInt(count)
  for (let tried = 0; tried < count; tried++) {
    const first = LOWEST_TCP + ((begin + tried) % count) * stride
    if (await claim(first + TCP_PORTS_OF_ALL)) return first
  }
  throw new CloisterError('no-ports', 'Too many networks run on this machine.', { hint: 'End some of them.' })
}
