import { CloisterError } from '@cloister/core'
import { forgetMachine, type SwarmMachine, type SwarmPlace, swarmMachines } from '@cloister/executors'
import type { AgentConfig } from '../config.ts'
import { scopeOf } from '../machine.ts'
import { loadWorkerKey } from '../worker-key.ts'

/** The machines of a worker's Swarm, and whose volumes are on each. Throws `bad-config` and `no-engine`. */
export function machinesOf(config: AgentConfig): Promise<SwarmMachine[]> {
  return swarmMachines(placeOf(config))
}

/**
 * Says of a machine that it is gone for good: what has volumes there is told that they are lost, instead of
 * waiting. Throws `bad-config`, `no-engine`, `not-found`, and `refused` where the machine answers.
 */
export function loseMachine(config: AgentConfig, name: string): Promise<SwarmMachine> {
  return forgetMachine(placeOf(config), name)
}

function placeOf({ executor, folder }: AgentConfig): SwarmPlace {
  if (executor.engine !== 'swarm')
    throw new CloisterError('bad-config', 'The worker runs on one machine: its `executor` is no Swarm.')
  return { socketPath: executor.socket, scope: scopeOf(loadWorkerKey(folder).address) }
}
