import { CloisterError, canonicalHash, keptSecretsTypedData } from '@cloister/core'
import { type Hex, isAddressEqual, recoverTypedDataAddress } from 'viem'
import { type Envelope, MAX_KEPT, MAX_SEALED_LENGTH, type Sealed } from './envelope.ts'

// What was sealed together opens together. Whoever hands sealed secrets over needn't be who sealed them: with
// an address of their own in place of the one that came with a key, the key would go there. So what is kept
// beside something else takes the word of whoever sealed it.

/** Signs `keptSecretsTypedData` as the account that sealed what is kept. */
type Sign = (typed: ReturnType<typeof keptSecretsTypedData>) => Promise<Hex>

/** Names of all that an envelope opens to. */
export function namesIn({ names, kept }: Envelope): string[] {
  return [...new Set([...names, ...(kept?.sealed ?? []).flatMap((one) => one.names)])]
}

/**
 * An envelope with those of `wanted` that it lacks and `before` has, which `sign` allows. What else is in
 * `before` is left out. Throws `bad-secrets` where that would be of more than eight times before, or more
 * than a worker takes.
 */
export async function keepSecrets(
  added: Envelope,
  before: Envelope,
  wanted: readonly string[],
  sign: Sign,
): Promise<Envelope> {
  const { kept: _, ...top } = added
  const { kept: older, ...newer } = before
  const lacking = new Set(wanted.filter((name) => !top.names.includes(name)))
  const sealed: Sealed[] = []
  for (const one of [newer, ...(older?.sealed ?? [])]) {
    const found = one.names.filter((name) => lacking.has(name))
    for (const name of found) lacking.delete(name)
    if (found.length > 0) sealed.push(one)
  }
  if (sealed.length === 0) return top
  const length = [top, ...sealed].reduce((sum, one) => sum + one.sealed.length, 0)
  if (sealed.length > MAX_KEPT || length > MAX_SEALED_LENGTH)
    throw new CloisterError('bad-secrets', 'What stays of the sealed secrets was sealed at too many times.', {
      hint: 'Give all of them at once, those that stay as they are among them.',
    })
  return { ...top, kept: { sealed, signature: await sign(typedDataOf(top, sealed)) } }
}

/** Throws `not-sealed-for-us` unless whoever sealed what is kept signed that it opens beside the rest. */
export async function checkKept({ kept, ...added }: Envelope): Promise<void> {
  if (!kept) return
  const [{ writer } = {}] = kept.sealed
  const isOfOne = kept.sealed.every(
    (one) => one.app === added.app && writer && one.writer && isAddressEqual(one.writer, writer),
  )
  const signer = await recoverTypedDataAddress({
    ...typedDataOf(added, kept.sealed),
    signature: kept.signature,
  }).catch(() => undefined)
  if (!isOfOne || !writer || !signer || !isAddressEqual(signer, writer))
    throw new CloisterError(
      'not-sealed-for-us',
      'What is kept beside the new secrets was not allowed by whoever sealed it.',
    )
}

function typedDataOf(added: Sealed, kept: readonly Sealed[]) {
  return keptSecretsTypedData({
    app: added.app,
    added: canonicalHash(added),
    kept: kept.map((one) => canonicalHash(one)),
  })
}
