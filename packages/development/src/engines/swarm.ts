import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startDocker, type TestEngine, waitForEngine } from './engines.ts'

/** Two machines of a Docker Swarm: this one, which manages it, and another in a network of its own. */
export interface TestSwarm {
  /** Sockets of their engines; both are on this machine. */
  manager: TestEngine
  node: TestEngine
  /** Where each is reached by the other. */
  managerAddress: string
  nodeAddress: string
  /** Begins a command line that is to run in the other machine's network. */
  enter: string[]
  /** Cuts the line between the two, or mends it. */
  cut(isCut: boolean): void
  stop(): Promise<void>
}

/** Where they are to each other: in a network of their own for each process that makes one. */
const [MANAGER, NODE] = [1, 2].map((host) => `10.77.${process.pid % 250}.${host}`) as [string, string]

/** Starts two Docker daemons and has the second one join the Swarm of the first. Needs root. */
export async function startSwarm(): Promise<TestSwarm> {
  const name = `clos${process.pid % 1_000_000}`
  const run = (command: string, ...args: string[]) => execFileSync(command, args, { encoding: 'utf8' })
  const ip = (line: string) => run('ip', ...line.split(' '))
  const enter = ['nsenter', `--net=/run/netns/${name}`]
  const undo: (() => unknown)[] = []
  const stop = async () => {
    for (const step of undo.reverse()) await step()
  }
  try {
    ip(`netns add ${name}`)
    undo.push(() => ip(`netns delete ${name}`))
    ip(`link add ${name} type veth peer name eth0 netns ${name}`)
    undo.push(() => existsSync(`/sys/class/net/${name}`) && ip(`link delete ${name}`))
    ip(`address add ${MANAGER}/24 dev ${name}`)
    ip(`link set ${name} up`)
    for (const line of ['link set lo up', `address add ${NODE}/24 dev eth0`, 'link set eth0 up'])
      run(enter[0] as string, ...enter.slice(1), 'ip', ...line.split(' '))
    run(enter[0] as string, ...enter.slice(1), 'ip', 'route', 'add', 'default', 'via', MANAGER)
    const manager = await startDocker()
    undo.push(() => {
      if (existsSync('/sys/class/net/docker_gwbridge')) ip('link delete docker_gwbridge')
    })
    undo.push(() => manager.stop())
    const node = await startIn(enter, name)
    undo.push(() => node.stop())
    const docker = (engine: TestEngine, ...args: string[]) =>
      run('docker', '-H', `unix://${engine.socketPath}`, ...args)
    const at = (address: string) => [
      '--advertise-addr',
      address,
      '--listen-addr',
      `${address}:2377`,
      '--data-path-addr',
      address,
    ]
    docker(manager, 'swarm', 'init', ...at(MANAGER))
    const token = docker(manager, 'swarm', 'join-token', '-q', 'worker').trim()
    docker(node, 'swarm', 'join', ...at(NODE), '--token', token, `${MANAGER}:2377`)
    return {
      manager,
      node,
      managerAddress: MANAGER,
      nodeAddress: NODE,
      enter,
      cut: (isCut) => void ip(`link set ${name} ${isCut ? 'down' : 'up'}`),
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/** A daemon in another network namespace, which keeps its control groups apart from the first one's. */
async function startIn(enter: readonly string[], name: string): Promise<TestEngine> {
  const folder = await mkdtemp(join(tmpdir(), 'cloister-docker-'))
  const socketPath = join(folder, 'docker.sock')
  const options = ['--data-root', join(folder, 'data'), '--exec-root', join(folder, 'exec')]
  const [program = '', ...rest] = [...enter, 'unshare', '--uts', 'dockerd', ...options]
  const child: ChildProcess = spawn(
    program,
    [...rest, '--pidfile', join(folder, 'pid'), '-H', `unix://${socketPath}`, '--cgroup-parent', `/${name}`],
    { stdio: 'ignore' },
  )
  return waitForEngine(child, folder, socketPath)
}
