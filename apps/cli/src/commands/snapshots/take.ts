import { CloisterError, formatMiB } from '@cloister/core'
import { leases } from '@cloister/sdk'
import { note, paint, printable, Steps, say, sayJson } from '@cloister/terminal'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import { defaultPlace, leaseOf, openRepository } from '../../snapshots/place.ts'
import { takeOf } from '../../snapshots/take.ts'

const MIB = 1024 * 1024

export interface SnapshotOptions extends Globals {
  to?: string
  volume?: string[]
  pause?: boolean
}

export async function runSnapshot(key: string, options: SnapshotOptions): Promise<void> {
  const cloister = connect(options)
  const json = options.json === true
  const place = options.to ?? defaultPlace()
  const record = await leases.findLease(cloister, key)
  const store = await leaseOf(cloister, place)
  if (store?.lease === record.lease)
    throw new CloisterError('bad-option', `${place} is in the lease itself, and would be lost with it.`, {
      hint: 'Name a lease on another worker, a folder of this machine’s, or s3://BUCKET/PREFIX.',
    })
  if (store?.worker === record.worker && !json)
    note(
      `${paint('yellow', '!', process.stderr)} ${printable(place)} is on the same worker as the lease: what loses one loses both.`,
    )
  const repository = await openRepository(place, options, { create: true })
  const steps = new Steps(json)
  try {
    steps.begin('snapshot')
    const { id, snapshot } = await takeOf(cloister, record, repository, {
      volumes: options.volume,
      paused: options.pause === true,
      tell: ({ volume, read, written }) =>
        steps.begin(
          'snapshot',
          `${printable(volume)}: ${mebibytes(read)} read, ${mebibytes(written)} written`,
        ),
    })
    steps.done()
    const { writtenBytes } = repository
    if (json) return sayJson({ id, place, writtenBytes, ...snapshot })
    const bytes = snapshot.volumes.reduce((sum, volume) => sum + volume.bytes, 0)
    const leftOut = snapshot.volumes.reduce((sum, volume) => sum + volume.leftOut, 0)
    say(
      `${paint('green', '●')} ${id} has ${count(snapshot.volumes.length, 'volume')}, ${mebibytes(bytes)}; ${mebibytes(writtenBytes)} were new in ${place}.`,
    )
    if (leftOut > 0)
      note(
        `Left out: ${count(leftOut, 'socket, device or name that is too long', 'sockets, devices and names that are too long')}.`,
      )
  } catch (error) {
    steps.fail()
    throw error
  }
}

function mebibytes(bytes: number): string {
  return formatMiB(Math.ceil(bytes / MIB))
}

function count(number: number, one: string, more = `${one}s`): string {
  return `${number} ${number === 1 ? one : more}`
}
