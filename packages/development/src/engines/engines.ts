import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A container engine of a test's own. */
export interface TestEngine {
  socketPath: string
  stop(): Promise<void>
}

/**
 * Whether this machine can run an engine for tests: its programs are there, and for all but the sandbox
 * (`runc`) we are root.
 */
export function canRun(program: 'dockerd' | 'podman' | 'runc'): boolean {
  if (process.getuid?.() !== 0 && program !== 'runc') return false
  const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/sbin']
  const programs = program === 'runc' ? ['runc', 'conmon'] : [program]
  return programs.every((name) => folders.some((folder) => existsSync(join(folder, name))))
}

/**
 * Starts a Docker daemon with a data folder of its own. With `isDetached` a Ctrl-C of the terminal leaves it
 * to whoever started it to stop it. `runtime`: the program that runs containers, in place of runc. Only one
 * at a time has a network.
 */
export async function startDocker({
  isDetached = false,
  runtime = '',
  hasNetwork = true,
} = {}): Promise<TestEngine> {
  const folder = await mkdtemp(join(tmpdir(), 'cloister-docker-'))
  const socketPath = join(folder, 'docker.sock')
  const child = spawn(
    'dockerd',
    [
      '--data-root',
      join(folder, 'data'),
      '--exec-root',
      join(folder, 'exec'),
      '--pidfile',
      join(folder, 'pid'),
      '-H',
      `unix://${socketPath}`,
      ...(hasNetwork
        ? ['--bip', '172.31.251.1/24', '--default-address-pool', 'base=172.31.0.0/17,size=24']
        : ['--bridge', 'none', '--iptables=false']),
      ...(runtime === '' ? [] : ['--add-runtime', `own=${runtime}`, '--default-runtime', 'own']),
    ],
    { stdio: 'ignore', detached: isDetached },
  )
  return waitForEngine(child, folder, socketPath)
}

/** Where Podman run by root keeps what its name servers know, whatever its storage. */
const PODMAN_NAMES = '/run/containers/networks/aardvark-dns'

/**
 * Names of networks of tests that were killed: the name servers would try to listen there, and answer
 * nobody.
 */
async function forgetKilledTests(): Promise<void> {
  const names = await readdir(PODMAN_NAMES).catch(() => [])
  for (const name of names)
    if (name.startsWith('cloister-')) await rm(join(PODMAN_NAMES, name), { force: true })
}

/** Starts Podman's service with the Docker interface and storage of its own. */
export async function startPodman(): Promise<TestEngine> {
  await forgetKilledTests()
  const folder = await mkdtemp(join(tmpdir(), 'cloister-podman-'))
  const socketPath = join(folder, 'podman.sock')
  const config = join(folder, 'containers.conf')
  // runc, because crun refuses hybrid control groups; explicit limits, because podman asks for more than a
  // guest may have.
  await writeFile(
    config,
    '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\nlog_driver = "k8s-file"\n[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n[network]\ndefault_subnet_pools = [{base = "172.31.128.0/17", size = 24}]\n',
  )
  const storage = [
    '--root',
    join(folder, 'root'),
    '--runroot',
    join(folder, 'run'),
    '--runtime',
    'runc',
    '--cgroup-manager',
    'cgroupfs',
  ]
  const environment = { ...process.env, CONTAINERS_CONF: config }
  const child = spawn('podman', [...storage, 'system', 'service', '--time=0', `unix://${socketPath}`], {
    stdio: 'ignore',
    cwd: folder,
    env: environment,
  })
  // Containers have no service above them: they would stay.
  const clear = () =>
    void spawnSync('podman', [...storage, 'rm', '--all', '--force', '--time', '0'], {
      stdio: 'ignore',
      env: environment,
    })
  return waitForEngine(child, folder, socketPath, clear)
}

function endIfOf(folder: string, pid: string): void {
  try {
    if (readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(folder)) process.kill(Number(pid), 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
}

/** Waits until an engine answers. `clear` is called before it ends. */
export async function waitForEngine(
  child: ChildProcess,
  folder: string,
  socketPath: string,
  clear = () => {},
): Promise<TestEngine> {
  const ended = new Promise<void>((resolve) =>
    child.once('exit', () => resolve()).once('error', () => resolve()),
  )
  for (let attempt = 0; ; attempt++) {
    const up = await new Promise<boolean>((resolve) => {
      const socket = connect(socketPath)
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
      socket.once('connect', () => socket.destroy())
    })
    if (up) break
    if (attempt > 300 || child.exitCode !== null) throw new Error(`the engine in ${folder} does not start`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  return {
    socketPath,
    stop: async () => {
      clear()
      child.kill('SIGTERM')
      await ended
      // Monitors of commands that have ended wait for five minutes.
      for (const pid of readdirSync('/proc')) if (/^\d+$/.test(pid)) endIfOf(folder, pid)
      for (const line of execFileSync('cat', ['/proc/mounts'], { encoding: 'utf8' }).split('\n').reverse()) {
        const path = line.split(' ')[1]
        if (path?.startsWith(folder)) execFileSync('umount', ['-l', path])
      }
      await rm(folder, { recursive: true, force: true })
    },
  }
}
