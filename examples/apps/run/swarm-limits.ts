import type { Manifest } from '@cloister/core'

/** What an app asks for that a worker whose machines are a Swarm doesn't have; undefined where it has all. */
export function lackOfSwarm({ network, services }: Manifest): string | undefined {
  if (network !== undefined) return 'a Swarm has no private networks between leases'
  for (const [name, service] of Object.entries(services)) {
    if (service.resources.gpu) return `a Swarm lends no GPUs, and ${name} asks for some`
    if (service.agentSocket) return `a Swarm has no agent's socket, and ${name} asks for it`
  }
  return undefined
}
