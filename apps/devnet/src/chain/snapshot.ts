import { closeSync, fsyncSync, openSync, renameSync, writeSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import type { Hex } from 'viem'
import type { Engine } from './engine.ts'

/** What of anvil's state is looked at here. */
interface AnvilState {
  best_block_number: string | number
  blocks: { header: { number: string } }[]
  transactions: unknown[]
  historical_states: unknown
}

/**
 * Writes an engine's present state to a file that `anvil --load-state` takes: accounts and the last block,
 * no history.
 */
export async function takeSnapshot(engine: Engine, file: string): Promise<void> {
  const dumped = await engine.rpc<Hex>('anvil_dumpState', false)
  // anvil's own format.
  const state = JSON.parse(gunzipSync(Buffer.from(dumped.slice(2), 'hex')).toString()) as AnvilState
  const best = Number(state.best_block_number)
  const blocks = state.blocks.filter(({ header }) => Number(header.number) === best)
  const kept: AnvilState = { ...state, blocks, transactions: [], historical_states: null }
  const next = openSync(`${file}.new`, 'w', 0o600)
  writeSync(next, JSON.stringify(kept))
  fsyncSync(next)
  closeSync(next)
  renameSync(`${file}.new`, file)
}
