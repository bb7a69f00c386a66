import type { Hex } from 'viem'
import { parseTransfer, type Transfer, type TransferJournal, writeTransfer } from '../transfer.ts'

/** A journal in memory, which holds what a file would: each transfer as it was written down last. */
export class MemoryJournal implements TransferJournal {
  readonly files = new Map<Hex, string>()
  /** Called after each write, as far as its number: a test has its process die there. */
  onWrite: (writes: number) => void = () => {}
  private writes = 0

  list(): Transfer[] {
    return [...this.files].map(([hash, text]) => parseTransfer(text, hash))
  }

  write(transfer: Transfer): void {
    this.files.set(transfer.start.hash, writeTransfer(transfer))
    this.onWrite(++this.writes)
  }

  remove(start: Hex): void {
    this.files.delete(start)
  }
}
