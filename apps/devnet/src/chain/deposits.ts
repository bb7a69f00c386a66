import type { Hex } from 'viem'
import type { JournaledChain } from './chain.ts'
import { RpcError } from './engine.ts'

/** Blocks that a deposit waits for its sender's other transactions. */
const MOST_TRIES = 3

/**
 * Takes a deposit into a block of its own: anvil's pool has room for one transaction of a sender's at a time
 * that has no number, and for none beside one that has. Throws RpcError where the chain can't take it.
 */
export async function takeDeposit(chain: JournaledChain, raw: Hex): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await chain.send(raw)
      return await chain.mine()
    } catch (error) {
      if (!(error instanceof RpcError) || tries === MOST_TRIES) throw error
      await chain.mine()
    }
  }
}
