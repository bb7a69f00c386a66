import { plain } from '../../engine/args.ts'
import { type Handler, log } from '../../engine/chapter.ts'
import { eventsOf } from '../../engine/contract.ts'
import { GOVERNED } from './contracts.ts'
import { GOVERNANCE_EVENTS } from './events.ts'
import { governance } from './tables.ts'

export const actions = log(governance)

/** Keeps every event by which governance acts, as it was. */
export const governanceHandlers: Handler[] = GOVERNED.flatMap((contract) =>
  eventsOf(contract)
    .filter(({ name }) => GOVERNANCE_EVENTS.has(name))
    .map(
      ({ name }): Handler => ({
        contract: contract.name,
        event: name,
        subject: undefined,
        needs: () => [],
        // The arguments are an object, so their plain form is one.
        apply: (event, rows) =>
          rows.add(actions, { ...event, args: plain(event.args) as Record<string, unknown> }),
      }),
    ),
)
