import { throughAbsence, type WorkerClient } from '@cloister/client'
import { CloisterError, type Manifest } from '@cloister/core'
import { type Envelope, keepSecrets, missingSecrets, readEnvelope, takenSecrets } from '@cloister/secrets'
import { type Hex, isAddressEqual } from 'viem'
import { type Cloister, walletOf } from '../cloister.ts'

/**
 * New sealed secrets with those of a lease that they don't name and the manifest takes, which stay: whoever
 * sealed those signs that they do. Throws `secrets-missing` where nobody gives some, or somebody else sealed
 * them: what was sealed together opens together, unless its writer says otherwise.
 */
export async function withKeptSecrets(
  cloister: Cloister,
  worker: WorkerClient,
  lease: Hex,
  manifest: Manifest,
  envelope: Envelope | undefined,
): Promise<Envelope | undefined> {
  if (!envelope || missingSecrets(manifest, envelope).length === 0) return envelope
  const { account, wallet } = walletOf(cloister)
  const handed = await throughAbsence(() => worker.secrets(lease))
  const before = handed === undefined ? undefined : readEnvelope(handed)
  const all = before ? [before, ...(before.kept?.sealed ?? [])] : []
  const isOurs = all.every(({ app, writer }) => {
    return app === envelope.app && writer !== undefined && isAddressEqual(writer, account.address)
  })
  const whole =
    before && isOurs
      ? await keepSecrets(envelope, before, takenSecrets(manifest), (typed) =>
          wallet.signTypedData({ account, ...typed }),
        )
      : envelope
  const missing = missingSecrets(manifest, whole)
  if (missing.length === 0) return whole
  const why = isOurs
    ? 'the lease has none of that name'
    : 'those that the lease has were sealed by another account, or to another app'
  throw new CloisterError(
    'secrets-missing',
    `The file takes ${missing.join(', ')}, which the new sealed secrets lack; ${why}.`,
    { hint: 'Give all of them at once, those that stay as they are among them.', details: { missing } },
  )
}
