import { isAbsolute } from 'node:path'
import type Docker from 'dockerode'
import { writeHostsBlock } from '../private-network/hosts-file.ts'
import type { PrivateNetworks } from '../private-network/place.ts'

const NAME = 'network.cloister.name'

/**
 * Private networks of an engine with bridges: each container has a network of its own, and so a place of its
 * own. `running` gives a lease's running containers.
 */
export function containerNetworks(
  running: (lease: string) => Promise<Docker.ContainerInspectInfo[]>,
): PrivateNetworks {
  return {
    places: async (lease) =>
      (await running(lease)).flatMap(({ Config, State }) => {
        const name = Config.Labels[NAME]
        if (name === undefined) return []
        // A container's own group belongs to its engine: what works for the tunnel runs beside it.
        return [{ name, containers: [name], pid: State.Pid, charged: (command) => command }]
      }),
    setHosts: async (lease, lines) => {
      // The engine's own file, which it has mounted into the container.
      for (const { HostsPath } of await running(lease))
        if (HostsPath && isAbsolute(HostsPath)) await writeHostsBlock(HostsPath, lines).catch(() => false)
    },
  }
}
