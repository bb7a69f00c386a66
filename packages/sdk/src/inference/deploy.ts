import { findToken, getOfferOf, offerModel } from '@cloister/chain'
import { CloisterError, type TokenPrices, toCanonicalJson, utf8 } from '@cloister/core'
import { checkEndpointOptions, type EndpointOptions, inferenceManifest } from '@cloister/inference/protocol'
import type { Address, Hex } from 'viem'
import { type Cloister, walletOf } from '../cloister.ts'
import { type Deployed, type DeployParameters, deploy as deployLease } from '../leases/deploy.ts'

/** Bytes of options that the chain takes in an offer. */
const MOST_OPTIONS_BYTES = 8_192

/** What an endpoint is to cost, in base units of `token`, a symbol, for a million tokens. */
export interface Asking extends TokenPrices {
  token: string
  /** Who is paid; the account, if not given. */
  payee?: Address | undefined
}

export interface DeployModelParameters extends Omit<DeployParameters, 'manifest'> {
  options: EndpointOptions
  /** Offers the model to everybody once it runs; to nobody, if not given. */
  offer?: Asking | undefined
}

/** An endpoint that was deployed. */
export interface DeployedModel extends Deployed {
  options: EndpointOptions
  /** Id of its offer; undefined where it was offered to nobody. */
  offer: Hex | undefined
}

/**
 * Leases a worker, has it run a model behind Cloister's door, and offers it on chain: the lease's manifest is
 * made of the options, which the offer publishes, so that everybody can tell what is served. Throws
 * `bad-config`, and what `leases.deploy` throws; `reverted` where the offer isn't taken, with the lease open
 * and named in its details.
 *
 * @example
 * ```ts
 * import { type EndpointOptions, models } from '@cloister/sdk'
 *
 * const options: EndpointOptions = JSON.parse(text)
 * const { lease, offer } = await models.deploy(cloister, {
 *   options,
 *   pay: 'USDC',
 *   deposit: ({ bid }) => bid.ratePerSecond * 86_400n,
 *   offer: { token: 'USDC', input: 100_000n, cached: 50_000n, output: 400_000n },
 * })
 * ```
 */
export async function deploy(
  cloister: Cloister,
  { options, offer: asking, ...parameters }: DeployModelParameters,
): Promise<DeployedModel> {
  const checked = checkEndpointOptions(options)
  if (asking) requirePublishable(checked)
  if (asking) findToken(cloister.network, asking.token)
  const deployed = await deployLease(cloister, { ...parameters, manifest: inferenceManifest(checked) })
  if (!asking) return { ...deployed, options: checked, offer: undefined }
  return { ...deployed, options: checked, offer: await offer(cloister, deployed.lease, checked, asking) }
}

/**
 * Offers what an own lease serves, or changes what it costs: what was asked before holds under the old
 * offer. Returns the offer's id. Throws `unknown-token`, `no-wallet`, `not-found` or `reverted`.
 *
 * @example
 * ```ts
 * import { type EndpointOptions, leases, models } from '@cloister/sdk'
 *
 * const { lease } = await leases.findLease(cloister, 'my-model')
 * const options: EndpointOptions = JSON.parse(text)
 * const asking = { token: 'USDC', input: 90_000n, cached: 45_000n, output: 350_000n }
 * await models.offer(cloister, lease, options, asking)
 * ```
 */
export async function offer(
  cloister: Cloister,
  lease: Hex,
  options: EndpointOptions,
  { token, payee, ...terms }: Asking,
): Promise<Hex> {
  const wallet = walletOf(cloister)
  const { address } = findToken(cloister.network, token)
  try {
    return await offerModel(wallet, {
      lease,
      terms: { ...terms, token: address, payee: payee ?? wallet.account.address },
      model: options.model,
      options: toCanonicalJson(options),
    })
  } catch (error) {
    if (!(error instanceof CloisterError)) throw error
    throw new CloisterError(error.code, `The lease runs, but its offer was not taken: ${error.message}`, {
      hint: { do: 'close-lease', subject: lease.slice(2, 18) },
      details: { ...error.details, lease, offer: await getOfferOf(wallet, lease).catch(() => undefined) },
      cause: error,
    })
  }
}

/** Throws `bad-config` for options that are too long for an offer on chain. */
export function requirePublishable(options: EndpointOptions): void {
  const { length } = utf8(toCanonicalJson(options))
  if (length <= MOST_OPTIONS_BYTES) return
  throw new CloisterError(
    'bad-config',
    `The endpoint's options have ${length} bytes; an offer on chain takes ${MOST_OPTIONS_BYTES}.`,
  )
}
