import { type Hex, hexToString } from 'viem'
import { entity, type Handler, type Need, on, type RowOf, type Subject } from '../../engine/chapter.ts'
import type { ChainEvent } from '../../engine/contract.ts'
import type { Rows } from '../../engine/rows.ts'
import { APPS } from './contracts.ts'
import { allowance, app } from './tables.ts'

type AppRow = RowOf<typeof app>
type AppEvent<Args = unknown> = ChainEvent<string, Args & { app: Hex }>
type Kind = 'manifest' | 'measurement'

/** An app, which the events of Apps.sol name by `app`. */
export const APP: Subject = {
  kind: 'app',
  argumentOf: (contract, { inputs }) =>
    contract === APPS.name && inputs.some(({ name }) => name === 'app') ? 'app' : undefined,
}

export const apps = entity(app, { key: 'id', subject: APP.kind, column: app.id })
export const allowances = entity(allowance, { key: 'key', subject: APP.kind, column: allowance.app })

const itsApp = ({ args }: AppEvent): Need[] => [[apps, args.app]]
const onApps = on(APPS, APP.kind)

const change =
  <E extends AppEvent>(by: (before: AppRow, event: E) => Partial<AppRow>) =>
  (event: E, rows: Rows): void => {
    rows.change(apps, event.args.app, (before) => by(before, event))
  }

/** What becomes of an app and its policy, from `AppRegistered` on. */
export const appHandlers: Handler[] = [
  onApps(
    'AppRegistered',
    () => [],
    ({ args, time, block, logIndex, transaction }, rows) =>
      rows.put(apps, {
        id: args.app,
        registeredBy: args.owner,
        name: hexToString(args.name, { size: 32 }).replace(/[^\x20-\x7e]/g, '?'),
        owner: args.owner,
        pendingOwner: null,
        upgradeDelay: Number(args.upgradeDelay),
        nextDelay: null,
        nextDelayFrom: null,
        frozenAt: null,
        registeredAt: time,
        block,
        logIndex,
        transaction,
      }),
  ),
  onApps(
    'ManifestAllowed',
    () => [],
    ({ args }, rows) => allow(rows, args.app, 'manifest', args.manifestHash, Number(args.allowedFrom)),
  ),
  onApps(
    'ManifestForbidden',
    () => [],
    ({ args }, rows) => allow(rows, args.app, 'manifest', args.manifestHash, null),
  ),
  onApps(
    'MeasurementAllowed',
    () => [],
    ({ args }, rows) => allow(rows, args.app, 'measurement', args.measurement, Number(args.allowedFrom)),
  ),
  onApps(
    'MeasurementForbidden',
    () => [],
    ({ args }, rows) => allow(rows, args.app, 'measurement', args.measurement, null),
  ),
  onApps('UpgradeDelaySet', itsApp, change(delayed)),
  onApps(
    'AppFrozenAt',
    itsApp,
    change((_, { args }) => ({ frozenAt: Number(args.instant) })),
  ),
  onApps(
    'OwnershipOffered',
    itsApp,
    change((_, { args }) => ({ pendingOwner: args.to })),
  ),
  onApps(
    'OwnershipTaken',
    itsApp,
    change((_, { args }) => ({ owner: args.owner, pendingOwner: null })),
  ),
]

function allow(rows: Rows, of: Hex, kind: Kind, hash: Hex, allowedFrom: number | null): void {
  rows.put(allowances, { key: `${of} ${kind} ${hash}`, app: of, kind, hash, allowedFrom })
}

/** A longer delay holds at once, a shorter one once the delay that holds now has passed. */
function delayed(
  before: AppRow,
  { args, time }: AppEvent<{ upgradeDelay: bigint; from: bigint }>,
): Partial<AppRow> {
  const [delay, from] = [Number(args.upgradeDelay), Number(args.from)]
  if (from <= time) return { upgradeDelay: delay, nextDelay: null, nextDelayFrom: null }
  return { upgradeDelay: delayAt(before, time), nextDelay: delay, nextDelayFrom: from }
}

/** The upgrade delay that holds at an instant, seconds. */
export function delayAt({ upgradeDelay, nextDelay, nextDelayFrom }: AppRow, now: number): number {
  return nextDelay !== null && nextDelayFrom !== null && nextDelayFrom <= now ? nextDelay : upgradeDelay
}
