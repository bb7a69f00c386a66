import { existsSync } from 'node:fs'
import type { Network } from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import type { AgentConfig } from '../config.ts'
import { dstackSource } from './dstack.ts'
import { gpuEvidenceBy } from './gpu-command.ts'
import { nitroSource } from './nitro.ts'
import type { EvidenceSource } from './source.ts'
import { tsmSource } from './tsm.ts'

const DSTACK_SOCKET = '/var/run/dstack.sock'
const TSM_FOLDER = '/sys/kernel/config/tsm/report'

/**
 * Opens a source that this package doesn't know, such as a simulated machine of a development network.
 * Undefined where the configuration wants none of its.
 */
export type OpenSource = (config: AgentConfig, network: Network) => Promise<EvidenceSource | undefined>

/**
 * The source that the configuration names, the one that `openOther` opens, or the one that this machine has.
 * Throws `no-evidence`.
 */
export async function openEvidenceSource(
  config: AgentConfig,
  network: Network,
  openOther?: OpenSource,
): Promise<EvidenceSource> {
  const source = await openQuoteSource(config, network, openOther)
  const { gpuEvidence } = config
  return gpuEvidence
    ? {
        ...source,
        quote: (reportData) => source.quote(reportData),
        gpuEvidence: (nonce) => gpuEvidenceBy(gpuEvidence.command, nonce),
      }
    : source
}

async function openQuoteSource(
  config: AgentConfig,
  network: Network,
  openOther?: OpenSource,
): Promise<EvidenceSource> {
  const { evidence } = config
  if (evidence?.source === 'dstack') return dstackSource(evidence.socket)
  if (evidence?.source === 'tsm') return tsmSource(evidence.folder)
  if (evidence?.source === 'nitro') return nitroSource(evidence.command)
  const other = await openOther?.(config, network)
  if (other) return other
  if (network.development && evidence?.source === 'development')
    throw new CloisterError('no-evidence', 'This program brings no simulated machines along.')
  if (existsSync(DSTACK_SOCKET)) return dstackSource(DSTACK_SOCKET)
  if (existsSync(TSM_FOLDER)) return tsmSource(TSM_FOLDER)
  throw new CloisterError(
    'no-evidence',
    'This machine can not prove what it is: it is neither a dstack nor a TDX nor an SEV-SNP guest.',
    {
      hint: `There is no ${DSTACK_SOCKET} and no ${TSM_FOLDER}. Name a source under \`evidence\` in the configuration.`,
    },
  )
}
