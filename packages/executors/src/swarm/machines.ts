import { CloisterError, messageOf } from '@cloister/core'
import Docker from 'dockerode'
import { Places, type SwarmNode } from './places.ts'

/** A machine of a Swarm, as whoever runs its worker sees it. */
export interface SwarmMachine extends SwarmNode {
  /** Leases that have volumes on it. */
  leases: string[]
}

/** Where a worker's Swarm is, and whose containers are meant. */
export interface SwarmPlace {
  socketPath: string
  scope: string
}

/** The machines of a Swarm. Throws `no-engine`. */
export async function swarmMachines({ socketPath, scope }: SwarmPlace): Promise<SwarmMachine[]> {
  const places = new Places(new Docker({ socketPath }), { scope, encrypted: false })
  try {
    const [nodes, homes] = await Promise.all([places.nodes(), places.volumeHomes()])
    return nodes.map((node) => ({ ...node, leases: homes.get(node.id) ?? [] }))
  } catch (cause) {
    throw new CloisterError('no-engine', `The Swarm at ${socketPath} does not answer: ${messageOf(cause)}.`, {
      cause,
    })
  }
}

/**
 * Takes a machine that is gone for good out of the Swarm, by its name or Swarm's id of it: volumes that were
 * on it are lost, and their tenants told. Throws `not-found`, and `refused` where the machine answers.
 */
export async function forgetMachine(place: SwarmPlace, name: string): Promise<SwarmMachine> {
  const found = (await swarmMachines(place)).filter(({ id, hostname }) => id === name || hostname === name)
  const [machine] = found
  if (!machine || found.length > 1)
    throw new CloisterError(
      'not-found',
      machine ? `Several machines of the Swarm are called ${name}.` : `The Swarm has no machine ${name}.`,
      { hint: 'Name it by its id, which the list of machines has.' },
    )
  if (machine.isUp || machine.isManager)
    throw new CloisterError(
      'refused',
      `${name} ${machine.isManager ? 'manages the Swarm' : 'answers the Swarm'}, so it is not gone for good.`,
      { hint: 'Stop it first. Nothing that ran on it comes back to it afterwards.' },
    )
  await new Docker({ socketPath: place.socketPath })
    .getNode(machine.id)
    .remove()
    .catch((cause) => {
      throw new CloisterError('refused', `Docker Swarm says: ${messageOf(cause)}.`, { cause })
    })
  return machine
}
