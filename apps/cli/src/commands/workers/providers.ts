import { formatAmount, formatCpu, formatMiB } from '@cloister/core'
import { say, sayJson, table } from '@cloister/terminal'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import { percent } from '../../show.ts'

export async function showProviders(options: Globals): Promise<void> {
  const { index, network } = connect(options)
  const providers = await index.providers()
  if (options.json) return sayJson(providers)
  say(
    table(
      ['provider', 'workers', 'CPUs', 'memory', 'GPUs', 'uptime', 'open', 'served', 'refused', 'earned'],
      providers.map((provider) => [
        provider.provider,
        `${provider.coveredWorkers} of ${provider.workers} up`,
        formatCpu(provider.cpuMilli),
        formatMiB(provider.memoryMiB),
        String(provider.gpus),
        percent(provider.uptime),
        String(provider.openLeases),
        String(provider.leasesServed),
        String(provider.refusedLeases),
        provider.earned
          .map(({ token, amount }) => {
            const known = network.tokens.find(({ address }) => address === token)
            return known ? `${formatAmount(BigInt(amount), known.decimals)} ${known.symbol}` : ''
          })
          .join(', '),
      ]),
      ['GPUs', 'uptime', 'open', 'served', 'refused'],
    ),
  )
}
