import { execFileSync } from 'node:child_process'
import { lstatSync, readdirSync, readlinkSync, rmSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type ControlPlane, end, freePort } from './control-plane.ts'

/** A machine of a test's cluster. */
export interface TestNode {
  name: string
  /** Has its kubelet fall silent, as where a machine is cut off. Its containers run on. */
  silence(): Promise<void>
  stop(): Promise<void>
}

interface ApiNode {
  status?: { conditions?: { type: string; status: string }[] }
}

const BRIDGE = '172.31.251.1'
const READY_TRIES = 600
const LOGS = '/var/log/pods'

/**
 * Starts Kubernetes' own kubelet over a Docker engine (dockershim). Pods are on Docker's bridge: there is no
 * CNI, so that network policies hold nobody and names of services resolve to nothing.
 */
export async function startKubelet(
  control: ControlPlane,
  {
    name,
    socketPath,
    pauseImage,
    folder,
  }: { name: string; socketPath: string; pauseImage: string; folder: string },
): Promise<TestNode> {
  await mkdir(folder, { recursive: true })
  const child = control.run('kubelet', [
    `--kubeconfig=${await control.kubeconfigFor(name)}`,
    `--hostname-override=${name}`,
    `--docker-endpoint=unix://${socketPath}`,
    `--pod-infra-container-image=${pauseImage}`,
    `--root-dir=${join(folder, 'kubelet')}`,
    `--experimental-dockershim-root-directory=${join(folder, 'dockershim')}`,
    `--cert-dir=${join(folder, 'certificates')}`,
    `--volume-plugin-dir=${join(folder, 'plugins')}`,
    // Docker's bridge (`startDocker`): kubelet takes no loopback address.
    `--address=${BRIDGE}`,
    `--node-ip=${BRIDGE}`,
    `--port=${await freePort()}`,
    '--read-only-port=0',
    '--healthz-port=0',
    '--anonymous-auth=true',
    '--authorization-mode=AlwaysAllow',
    '--cgroup-driver=cgroupfs',
    '--cgroups-per-qos=false',
    '--enforce-node-allocatable=',
    '--fail-swap-on=false',
    '--make-iptables-util-chains=false',
    '--eviction-hard=',
    '--image-gc-high-threshold=100',
    '--resolv-conf=',
    '--node-status-update-frequency=2s',
    '--sync-frequency=2s',
    '--max-pods=64',
  ])
  for (let tries = 0; ; tries++) {
    const node = await control.ask<ApiNode>('GET', `/api/v1/nodes/${name}`).catch(() => undefined)
    if (node?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True')) break
    if (tries > READY_TRIES || child.exitCode !== null)
      throw new Error(`kubelet does not start: ${await control.printed('kubelet')}`)
    await delay(100)
  }
  return {
    name,
    silence: () => end(child),
    stop: async () => {
      await end(child)
      clearMounts(folder)
      clearLogs()
    },
  }
}

/** Unmounts what kubelet has mounted below a folder. */
function clearMounts(folder: string): void {
  const mounts = execFileSync('cat', ['/proc/mounts'], { encoding: 'utf8' })
  for (const line of mounts.split('\n').reverse()) {
    const path = line.split(' ')[1]
    if (path?.startsWith(folder)) execFileSync('umount', ['-l', path])
  }
}

/** Kubelet has one place for logs, whatever its folder is: those of workers' leases are taken away. */
function clearLogs(): void {
  for (const name of list(LOGS))
    if (name.startsWith('cloister-')) rmSync(join(LOGS, name), { recursive: true })
  const links = '/var/log/containers'
  for (const name of list(links)) {
    const path = join(links, name)
    if (lstatSync(path).isSymbolicLink() && readlinkSync(path).startsWith(`${LOGS}/cloister-`)) rmSync(path)
  }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
