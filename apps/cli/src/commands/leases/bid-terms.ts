import type { Network } from '@cloister/chain'
import { CloisterError, formatAmount, type Policy, parseAmount, parsePolicy } from '@cloister/core'
import type { Bids } from '@cloister/sdk'
import { paint, printable, table } from '@cloister/terminal'
import { getAddress, isAddress } from 'viem'
import { attestation, notice, resources, short, uptimeOf } from '../../show.ts'
import type { BidOptions } from './options.ts'

/** The options that are about price, checked. */
export function terms(
  { pay, maxPrice, provider, policy }: BidOptions,
  { tokens, development }: Network,
): { pay: string; policy: Policy; maxRatePerSecond?: bigint; provider?: `0x${string}` } {
  const token = tokens.find((known) => known.symbol === pay.toUpperCase())
  if (!token)
    throw new CloisterError('unknown-token', `${pay} is not a token to pay with.`, {
      hint: `Use --pay ${tokens.map((known) => known.symbol).join(' or --pay ')}.`,
    })
  if (provider !== undefined && !isAddress(provider, { strict: false }))
    throw new CloisterError('bad-address', `${provider.slice(0, 60)} is not an address.`, {
      hint: 'See `cloister providers`.',
    })
  return {
    pay: token.symbol,
    policy: parsePolicy(policy ?? '', development),
    // Rounded down: the ceiling is the ceiling.
    ...(maxPrice !== undefined && { maxRatePerSecond: parseAmount(maxPrice, token.decimals) / 3600n }),
    ...(provider !== undefined && { provider: getAddress(provider) }),
  }
}

/** Bids, with an arrow at the one to be taken. */
export function bidTable({ bids, token }: Bids, best = bids[0]): string {
  const rows = bids.map((checked) => {
    const { bid, worker, report, noticeSeconds, interruptible } = checked
    return [
      checked === best ? paint('green', '→') : ' ',
      formatAmount(bid.ratePerSecond * 3600n, token.decimals),
      notice(noticeSeconds, interruptible),
      printable(report.name),
      short(worker.worker),
      short(worker.provider),
      resources(report.free, report.gpuClass),
      uptimeOf(worker),
      report.isolation.engine.slice(0, 30),
      attestation(worker.attestation),
    ]
  })
  return table(
    [
      '',
      `${token.symbol}/hour`,
      'notice',
      'name',
      'worker',
      'provider',
      'free',
      'uptime',
      'engine',
      'attestation',
    ],
    rows,
    [`${token.symbol}/hour`, 'uptime'],
  )
}
