import { resolve } from 'node:path'
import { getBilling, getCredit, getWorker } from '@cloister/chain'
import { loadNetwork } from '@cloister/chain/node'
import { attestationStateOf, CloisterError, formatAmount, formatDuration, isSimulated } from '@cloister/core'
import { createCloister, workerOfRecord } from '@cloister/sdk'
import { facts, paint, printable, say, sayJson, table } from '@cloister/terminal'
import { resources } from '../../show.ts'
import type { ProviderOptions } from './options.ts'

export async function showStatus(options: ProviderOptions): Promise<void> {
  const { loadAgentConfig, loadTlsKey, loadWorkerKey } = await import('@cloister/agent')
  const config = loadAgentConfig(resolve(options.config))
  const network = loadNetwork(config.network)
  const cloister = createCloister({ network })
  const { address } = loadWorkerKey(config.folder)
  const worker = await getWorker(cloister.chain, address)
  if (!worker)
    throw new CloisterError('not-registered', `The worker ${address} is not registered.`, {
      hint: 'Register it with `cloister provider init`.',
    })
  const [billing, block, gas, report, leases, ...credits] = await Promise.all([
    getBilling(cloister.chain, address),
    cloister.chain.client.getBlock(),
    cloister.chain.client.getBalance({ address }),
    // The provider asks its own machine, wherever that is.
    workerOfRecord(
      { ...network, development: true },
      { endpoint: config.endpoint, worker: address, tlsKeyHash: loadTlsKey(config.folder).hash },
    )
      .report(AbortSignal.timeout(3_000))
      .catch(() => undefined),
    cloister.index.leases({ worker: address, open: true, limit: 200 }),
    ...network.tokens.map((token) => getCredit(cloister.chain, worker.provider, token.address)),
  ])
  const coveredFor = Number(billing.until - block.timestamp)
  const withdrawable = network.tokens.map((token, i) => ({
    symbol: token.symbol,
    amount: credits[i] ?? 0n,
    decimals: token.decimals,
  }))
  if (options.json)
    return sayJson({
      worker: address,
      provider: worker.provider,
      endpoint: worker.description.endpoint,
      answers: report !== undefined,
      attestation: attestationStateOf(network, coveredFor > 0),
      evidence: report?.evidence,
      alarm: report?.alarm,
      coveredSeconds: billing.coveredSeconds,
      coveredFor,
      gas,
      openLeases: leases.items,
      withdrawable,
    })
  say(
    facts([
      ['worker', address],
      ['provider', worker.provider],
      [
        'endpoint',
        `${printable(worker.description.endpoint)} ${report ? paint('green', 'answers') : paint('red', 'does not answer')}`,
      ],
      [
        'coverage',
        `${coveredFor > 0 ? `for ${formatDuration(coveredFor)} more` : paint('red', 'none')}${isSimulated(network) ? ' (simulated)' : ''}, ${formatDuration(Number(billing.coveredSeconds))} so far`,
      ],
      ['evidence', report && printable(report.evidence)],
      ['alarm', report?.alarm && paint('red', printable(report.alarm))],
      ['has', resources(worker.description, worker.description.gpuClass)],
      ['free', report && resources(report.free, report.gpuClass)],
      [
        'engine',
        report && `${report.isolation.engine}; not kept apart: ${report.isolation.missing.join(', ')}`,
      ],
      ['gas', `${formatAmount(gas, 18)} ETH`],
      [
        'to withdraw',
        withdrawable
          .map(({ symbol, amount, decimals }) => `${formatAmount(amount, decimals)} ${symbol}`)
          .join(', '),
      ],
    ]),
  )
  if (leases.items.length > 0)
    say(
      `\n${table(
        ['lease', 'tenant', 'rate/s', 'opened'],
        leases.items.map((lease) => [
          lease.shortId,
          lease.tenant,
          lease.ratePerSecond,
          new Date(lease.openedAt * 1000).toISOString(),
        ]),
      )}`,
    )
}
