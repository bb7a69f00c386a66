import { entity, type Handler, type Need, on, type Subject } from '../../engine/chapter.ts'
import type { ChainEvent } from '../../engine/contract.ts'
import { KEY_SERVICE } from './contracts.ts'
import { seat } from './tables.ts'

/** A seat of the key service, which its events name by number. */
export const SEAT: Subject = {
  kind: 'seat',
  argumentOf: (contract, { inputs }) =>
    contract === KEY_SERVICE.name && inputs.some(({ name }) => name === 'seat') ? 'seat' : undefined,
}

export const seats = entity(seat, { key: 'number', subject: SEAT.kind, column: seat.number })

const itsSeat = ({ args }: ChainEvent<string, { seat: bigint }>): Need[] => [[seats, String(args.seat)]]
const onSeats = on(KEY_SERVICE, SEAT.kind)

/** Who has the key service's seats. */
export const seatHandlers: Handler[] = [
  onSeats(
    'SeatFilled',
    () => [],
    ({ args, time }, rows) => {
      const { lease, worker, provider, manifestHash } = args
      const number = String(args.seat)
      const since = { filledAt: time, absentFrom: null, vacatedAt: null }
      rows.put(seats, { number, lease, worker, provider, manifestHash, ...since })
    },
  ),
  onSeats('AbsenceReported', itsSeat, ({ args, time }, rows) => {
    // Governance may vacate a seat that nobody has, and anybody report that nobody is in it.
    const before = rows.get(seats, String(args.seat))
    if (before) rows.put(seats, { ...before, absentFrom: time })
  }),
  onSeats('SeatVacated', itsSeat, ({ args, time }, rows) => {
    const before = rows.get(seats, String(args.seat))
    if (before) rows.put(seats, { ...before, vacatedAt: time })
  }),
]
