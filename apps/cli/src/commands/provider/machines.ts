import { resolve } from 'node:path'
import { CloisterError, formatCpu, formatMiB, shortId } from '@cloister/core'
import { say, sayJson, table } from '@cloister/terminal'
import type { Hex } from 'viem'
import { confirm } from '../../ask.ts'
import type { ProviderOptions } from './options.ts'

/** The machines of a worker on a Swarm. */
export async function showMachines(options: ProviderOptions): Promise<void> {
  const { loadAgentConfig, machinesOf } = await import('@cloister/agent')
  const machines = await machinesOf(loadAgentConfig(resolve(options.config)))
  if (options.json) return sayJson(machines)
  say(
    table(
      ['machine', 'id', 'size', 'state', 'leases with volumes'],
      machines.map(({ hostname, id, isManager, isUp, isLabelled, cpuMilli, memoryMiB, leases }) => [
        hostname,
        id,
        `${formatCpu(cpuMilli)}, ${formatMiB(memoryMiB)}`,
        [isUp ? (isLabelled ? 'covered' : 'cordoned') : 'away', ...(isManager ? ['manager'] : [])].join(', '),
        String(leases.length),
      ]),
    ),
  )
}

/** Says of a machine that it is gone for good, with the volumes that were on it. */
export async function forgetMachine(
  name: string,
  options: ProviderOptions & { yes?: boolean },
): Promise<void> {
  const { loadAgentConfig, loseMachine, machinesOf } = await import('@cloister/agent')
  const config = loadAgentConfig(resolve(options.config))
  const known = (await machinesOf(config)).find(({ id, hostname }) => id === name || hostname === name)
  const leases = known?.leases.length ?? 0
  const losing = `${leases} ${leases === 1 ? 'lease loses' : 'leases lose'} volumes that were on it`
  if (options.yes !== true && !options.json && !(await confirm(`Forget ${name} for good? ${losing}.`)))
    throw new CloisterError('cancelled', 'Nothing was changed.')
  const forgotten = await loseMachine(config, name)
  if (options.json) return sayJson(forgotten)
  say(`${name} is no part of the Swarm any more: ${losing}, and their tenants are told.`)
  for (const lease of forgotten.leases) say(`  ${shortId(lease as Hex)}`)
  say('Take its line out of `executor.nodes`, too.')
}
