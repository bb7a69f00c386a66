import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

/** The version of Debian 12's source package, which is the newest that Debian has whole. */
export const KUBERNETES_VERSION = '1.20.2'

/** A control plane, its store, and what runs pods on a machine. */
export const KUBERNETES_PROGRAMS = [
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kubelet',
  'etcd',
] as const

/** Where `scripts/build-kubernetes.ts` leaves them. */
export function kubernetesFolder(): string {
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache')
  return join(cache, 'cloister', `kubernetes-${KUBERNETES_VERSION}`)
}

/** Whether a control plane was built on this machine. */
export function hasKubernetes(): boolean {
  return KUBERNETES_PROGRAMS.every((program) => existsSync(join(kubernetesFolder(), program)))
}
