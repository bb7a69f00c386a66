import { type Chain, getLease, getSeats, type Seat } from '@cloister/chain'
import { messageOf } from '@cloister/core'
import { SeatConsent } from '@cloister/workload/wire'
import type { Hex } from 'viem'
import { InstanceState } from '../protocol.ts'
import { askInstance, askJudgedSeat } from './ask.ts'

/** One seat of the key service, as it was found. */
export interface SeatStatus extends Seat {
  /** What it says of itself, once its evidence held; undefined where `problem` says why not. */
  state: InstanceState | undefined
  problem: string | undefined
}

/** How the key service is doing: each filled seat, its machine and manifest checked. */
export async function seatStatuses(chain: Chain): Promise<SeatStatus[]> {
  const seats = await getSeats(chain)
  return Promise.all(
    seats.map((seat) =>
      askJudgedSeat(chain, seat, { path: '/v1/state', answer: InstanceState }).then(
        (state) => ({ ...seat, state, problem: undefined }),
        (error) => ({ ...seat, state: undefined, problem: messageOf(error) }),
      ),
    ),
  )
}

/**
 * Asks an instance of the key service, which has no seat yet, for its worker's consent to one; `takeSeat`
 * takes it, and the contract checks it. Throws `forbidden` where the worker's provider gives no seat.
 */
export async function seatConsent(chain: Chain, lease: Hex): Promise<SeatConsent> {
  const { worker } = await getLease(chain, lease)
  return askInstance(chain, 'The instance', { worker, lease }, { path: '/v1/consent', answer: SeatConsent })
}
