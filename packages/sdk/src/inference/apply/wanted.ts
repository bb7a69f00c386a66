import { findToken } from '@cloister/chain'
import { CloisterError, isLeaseName, LEASE_NAME_RULE, type Policy, type SentContent } from '@cloister/core'
import { checkEndpointOptions, type EndpointOptions, inferenceManifest } from '@cloister/inference/protocol'
import type { Cloister } from '../../cloister.ts'
import { checkContents } from '../../leases/send.ts'
import { type Asking, requirePublishable } from '../deploy.ts'

/** An endpoint as it shall be. */
export interface WantedEndpoint {
  /** The name of its lease, by which it is found again; no other of the account's has it. */
  name: string
  options: EndpointOptions
  /** What its manifest takes beside it: the engine's files. */
  contents?: readonly SentContent[] | undefined
  /** What it costs; offered to nobody, if not given. */
  offer?: Asking | undefined
  /** Symbol of the token that its lease is paid in. */
  pay: string
  /** How long its lease is paid ahead. It is paid again once half of that is left. */
  aheadSeconds: number
  /**
   * Where it shall run: the address of a worker or a provider, or the name of a worker of the account's own.
   * On the cheapest worker of the market, if not given.
   */
  worker?: string | undefined
  /** What its lease costs at most, in base units per second. */
  maxRatePerSecond?: bigint | undefined
  /** What the worker's evidence has to say; `defaultPolicy` if not given. */
  policy?: Policy | undefined
}

/** Checks endpoints, and asks nobody. Throws `bad-config`, `bad-name`, `unknown-token`, `not-sent`. */
export function checkWanted(
  { network }: Cloister,
  wanted: readonly WantedEndpoint[],
): readonly WantedEndpoint[] {
  const names = new Set<string>()
  for (const { name, options, contents, offer, pay, aheadSeconds } of wanted) {
    if (!isLeaseName(name))
      throw new CloisterError(
        'bad-name',
        `${JSON.stringify(name.slice(0, 60))} can't be the name of a lease.`,
        { hint: `Use ${LEASE_NAME_RULE}.` },
      )
    if (names.has(name)) throw new CloisterError('bad-config', `Two models have the name ${name}.`)
    names.add(name)
    if (!(aheadSeconds > 0))
      throw new CloisterError('bad-config', `${name} has to be paid ahead for longer than nothing.`)
    const checked = checkEndpointOptions(options)
    if (offer) {
      findToken(network, offer.token)
      requirePublishable(checked)
      if (checked.tokenHash !== undefined)
        throw new CloisterError('bad-config', `${name} is private, so it has no price.`)
    }
    findToken(network, pay)
    checkContents(inferenceManifest(checked), contents ?? [])
  }
  return wanted
}
