import { setTimeout as delay } from 'node:timers/promises'
import type { Exit } from '../executor.ts'
import { LOST } from '../several-machines.ts'
import { isMachineTrouble } from './machine-trouble.ts'
import type { NodeEngine } from './node-engine.ts'
import type { Place } from './places.ts'

/** One container, as who waits for its end sees its Swarm. */
export interface Whereabouts {
  /** Its place as Swarm has it now. */
  find(): Promise<Place | undefined>
  /** Asks all machines anew whether they may have containers. */
  askMachines(): Promise<void>
  /** The engine of a machine that may have containers. */
  engineOf(node: string): NodeEngine | undefined
  /** Aborted with `signal`, and once its task is another than it was. */
  untilMoved(place: Place, signal: AbortSignal): AbortSignal
}

/**
 * Waits for the end of a container on the machine that has it. It is lost where that end is its machine's
 * doing: one that loses its coverage, leaves the Swarm or stops ends what runs there, so that an exit counts
 * as the program's own only where the machine may have it still. Throws what its engine says, and `signal`'s
 * reason.
 */
export async function endOfContainer(
  where: Whereabouts,
  { lease, name, pauseMs, signal }: { lease: string; name: string; pauseMs: number; signal: AbortSignal },
): Promise<Exit> {
  for (;;) {
    signal.throwIfAborted()
    const place = await where.find()
    if (!place?.task) return LOST
    const { container, node } = place.task
    const isThere = async (engine: NodeEngine) => {
      const all = await engine.containers(lease)
      return all.some((one) => one.name === name && one.networkOf === container)
    }
    const isFit = async () => {
      await where.askMachines().catch(() => {})
      const now = await where.find()
      return now?.task?.container === container && where.engineOf(node) !== undefined
    }
    const looked = new AbortController()
    const moved = where.untilMoved(place, AbortSignal.any([signal, looked.signal]))
    try {
      const engine = where.engineOf(node)
      if (engine && !(await isThere(engine))) return LOST
      const exit = await engine?.wait(lease, name, moved)
      if (engine && exit && (await isFit())) return (await isThere(engine)) ? exit : LOST
    } catch (error) {
      if (!moved.aborted && !isMachineTrouble(error) && (await isFit())) throw error
    }
    signal.throwIfAborted()
    if (moved.aborted) return LOST
    looked.abort()
    await delay(pauseMs, undefined, { signal })
  }
}
