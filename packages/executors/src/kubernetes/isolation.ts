import type { Isolation } from '../executor.ts'
import type { PodSettings } from './pod.ts'

/** What a cluster keeps apart, and what it doesn't. */
export function isolationOf(version: string, { runtimeClass, seccompProfile }: PodSettings): Isolation {
  return {
    engine: `Kubernetes ${version}`,
    enforced: [
      'cpu',
      'memory',
      'disk (by kubelet, and by the class of volumes)',
      `seccomp (${seccompProfile ?? "the runtime's own filter"})`,
      'no new privileges',
      'capabilities',
      'a namespace per lease',
      'network policies, where the cluster has a network that heeds them',
      'covered machines only',
      ...(runtimeClass === undefined ? [] : [`runtime class ${runtimeClass}`]),
    ],
    missing: [
      "the cluster's control plane decides what runs and sees what programs are told: no evidence covers it",
      'processes: a cluster limits them by machine, if at all',
      'on which stream something was printed; how much disk is used, where kubelets may not be asked',
      ...(runtimeClass === undefined ? ["the machine's kernel is shared"] : []),
    ],
  }
}
