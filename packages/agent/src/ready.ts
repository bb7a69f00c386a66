import type { LastBlock, Reason } from '@cloister/operations'
import type { Attestor } from './attestation.ts'

/** Says why a worker should be given nothing new just now. */
export function workerReasons(
  { alarm, state }: Pick<Attestor, 'alarm' | 'state'>,
  newest: Pick<LastBlock, 'reasons'>,
): Reason[] {
  const message = alarm ?? 'It is not attested.'
  if (state.secondsLeft <= 0) return [{ code: 'attestation-over', message }, ...newest.reasons]
  if (alarm !== undefined) return [{ code: 'attestation-lapsing', message }, ...newest.reasons]
  return newest.reasons
}
