import { hashManifest, resourcesOf } from '@cloister/core'
import { type Bids, leases } from '@cloister/sdk'
import { note, paint, printable, say, sayJson } from '@cloister/terminal'
import { connect } from '../../context.ts'
import { readManifestFile } from '../../manifest-file.ts'
import { resources, short } from '../../show.ts'
import { bidTable, terms } from './bid-terms.ts'
import type { BidOptions } from './options.ts'

export async function showBids(file: string | undefined, options: BidOptions): Promise<void> {
  const cloister = connect(options)
  const { manifest, path } = await readManifestFile(file, options, options.json === true)
  const found = await leases.bids(cloister, { manifest, ...terms(options, cloister.network) })
  if (options.json)
    return sayJson({
      manifestHash: hashManifest(manifest),
      resources: resourcesOf(manifest),
      bids: found.bids.map(({ bid, lease, worker, report, noticeSeconds, interruptible }) => ({
        lease,
        provider: worker.provider,
        worker: worker.worker,
        token: bid.token,
        ratePerSecond: bid.ratePerSecond,
        minimumDeposit: bid.minimumDeposit,
        expiry: bid.expiry,
        noticeSeconds,
        interruptible,
        free: report.free,
        uptime: worker.uptime,
        attestation: worker.attestation,
      })),
      declined: found.declined,
    })
  say(`${paint('bold', path)}  ${resources(resourcesOf(manifest))}`)
  if (found.bids.length === 0) throw leases.noBids(found)
  say(bidTable(found))
  sayDeclined(found)
  say()
  say(paint('dim', `  cloister deploy ${printable(file ?? path)} takes the one at the arrow`))
}

function sayDeclined({ declined }: Bids): void {
  for (const { worker, reason } of declined)
    note(paint('dim', `  ${short(worker)} does not bid: ${printable(reason)}`, process.stderr))
}
