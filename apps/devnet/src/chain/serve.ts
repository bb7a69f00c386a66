import { messageOf } from '@cloister/core'
import { stopWhenAsked } from '@cloister/operations/stop'
import { giveBackAfterStart } from '@cloister/packed'
import { JournaledChain } from './chain.ts'
import { ChainDoor } from './door.ts'
import type { ChainKind } from './kind.ts'

/** Says something in a daemon's log. */
export type Log = (level: 'info' | 'warn' | 'error', message: string) => void

/** What a daemon is started with. */
export interface Serving {
  name: string
  folder: string
  port: number
  kind: ChainKind
  /** Begins what else it does. Returns what ends that. */
  beside?: (chain: JournaledChain, log: Log) => () => Promise<void>
}

/** Serves a chain until the process is asked to stop. */
export async function serveChain({ name, folder, port, kind, beside }: Serving): Promise<void> {
  const log: Log = (level, message) =>
    process.stdout.write(`${JSON.stringify({ time: new Date().toISOString(), level, name, message })}\n`)
  try {
    const chain = await JournaledChain.open({ folder, kind, warn: (message) => log('warn', message) })
    const door = new ChainDoor(chain)
    await door.listen(port)
    const end = beside?.(chain, log)
    log('info', `block ${chain.head.number}, port ${port}`)
    giveBackAfterStart()
    stopWhenAsked(async () => {
      await end?.()
      await door.close()
      await chain.stop()
    })
  } catch (error) {
    log('error', messageOf(error))
    process.exit(1)
  }
}
