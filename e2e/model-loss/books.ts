import { copyFile, mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { ChargeJson } from '@cloister/core'
import type { InferenceReceipt } from '@cloister/inference/protocol'
import { processesOf, until } from '../embedded.ts'
import type { Asked } from './load.ts'

const FILES = ['door.sqlite', 'door.sqlite-wal'] as const

/** What a door wrote down of one answer. */
export interface Entry {
  details: InferenceReceipt['details']
  charge: ChargeJson
}

/** A lease's door process, in a network whose state is below `folder`; undefined where there is none. */
export async function doorProcess(folder: string, lease: string): Promise<number | undefined> {
  for (const pid of processesOf(folder, lease)) {
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    if (line.includes('/app/inference.mjs')) return pid
  }
  return undefined
}

/** All that a lease's door has written down, oldest first; read from a copy, once it writes nothing. */
export async function readBooks(folder: string, lease: string): Promise<Entry[]> {
  const copy = await mkdtemp(join(tmpdir(), 'cloister-books-'))
  try {
    await until('the door writes nothing', async () => {
      const own = `/proc/${await doorProcess(folder, lease)}/root/data`
      const before = await timesIn(own)
      for (const name of FILES) await copyFile(join(own, name), join(copy, name))
      return (await timesIn(own)) === before
    })
    const database = new DatabaseSync(join(copy, FILES[0]))
    const rows = database.prepare('SELECT details, charge FROM receipts ORDER BY number').all()
    database.close()
    return rows.map((row) => ({
      details: JSON.parse(row['details'] as string),
      charge: JSON.parse(row['charge'] as string),
    }))
  } finally {
    await rm(copy, { recursive: true, force: true })
  }
}

/** When the files of books were last written. */
async function timesIn(folder: string): Promise<string> {
  const found = await Promise.all(FILES.map((name) => stat(join(folder, name))))
  return found.map(({ mtimeMs }) => mtimeMs).join()
}

/**
 * What is wrong with the books of doors, in sentences: nothing, where each answer was charged once at `price`
 * base units, an answer that was broken off once at the most, and nothing else at all.
 */
export function faultsIn(books: readonly Entry[][], asked: readonly Asked[], price: bigint): string[] {
  const faults: string[] = []
  for (const entries of books) {
    let total = 0n
    for (const { charge, details } of entries) {
      total += BigInt(charge.amount)
      if (BigInt(charge.total) !== total) faults.push(`${details.id}: total ${charge.total}, not ${total}`)
    }
  }
  const charged = books.flat().filter(({ charge }) => charge.amount !== '0')
  const known = new Set(asked.map(({ request }) => request))
  for (const { details } of charged)
    if (!known.has(details.request)) faults.push(`${details.id}: charged for what nobody asked`)
  for (const { request, state, receipt } of asked) {
    const own = charged.filter(({ details }) => details.request === request)
    const ids = own.map(({ details }) => `${details.id} (${details.outcome})`).join(', ')
    const isFull = own.every(({ charge }) => BigInt(charge.amount) === price)
    if (state === 'answered' && !(own.length === 1 && own[0]?.details.id === receipt && isFull))
      faults.push(`${receipt}: answered, and charged as ${ids || 'nothing'}`)
    if (state === 'broken' && own.length > 1) faults.push(`${receipt}: broken off, and charged as ${ids}`)
  }
  return faults
}
