import { findToken, type Network } from '@cloister/chain'
import { CloisterError, formatDuration, parseAmount, secondsAffordable, shortId } from '@cloister/core'
import { type Asking, leases, models } from '@cloister/sdk'
import { note, paint, printable, Steps, say, sayJson } from '@cloister/terminal'
import { confirm } from '../../ask.ts'
import { connect } from '../../context.ts'
import { payee } from '../../payee.ts'
import { hourly, money, short } from '../../show.ts'
import { terms } from '../leases/bid-terms.ts'
import { wantedDeposit } from '../leases/deploy.ts'
import type { DeployOptions } from '../leases/options.ts'
import { hashOf, newAccessToken } from './access-token.ts'
import { endpointFrom, readObject } from './options-file.ts'

export interface DeployModelOptions extends DeployOptions {
  input?: string
  cached?: string
  output?: string
  token: string
  free?: boolean
  private?: boolean
  payee?: string
}

/** Leases a worker that serves a model, and offers it. */
export async function deployModel(path: string, options: DeployModelOptions): Promise<void> {
  const cloister = connect(options)
  const { network } = cloister
  const json = options.json === true
  const access = accessFrom(options, network)
  const steps = new Steps(json)
  const asked = terms(options, network)
  const deposit = wantedDeposit(options, findToken(network, asked.pay))
  try {
    steps.begin('options', 'reading what is to be served')
    const { endpoint, contents } = await endpointFrom(
      readObject(path),
      path,
      network,
      access.tokenHash,
      (detail) => steps.begin('weights', detail),
    )
    steps.begin('bids', 'asking workers for bids')
    const found = await leases.bids(cloister, { manifest: models.manifestOf(endpoint), ...asked })
    const [best] = found.bids
    if (!best) throw leases.noBids(found)
    steps.done()
    if (!json) {
      const amount = leases.depositFor(best, deposit)
      note(
        `${hourly(network, best.bid.token, best.bid.ratePerSecond)} an hour on ${short(best.worker.worker)}; deposit ${money(network, best.bid.token, amount)}, which lasts ${formatDuration(Number(secondsAffordable(amount, best.bid.ratePerSecond)))}.`,
      )
      if (options.yes !== true && !(await confirm('Open the lease?')))
        throw new CloisterError('cancelled', 'Nothing was opened.')
    }
    const deployed = await models.deploy(cloister, {
      options: endpoint,
      contents,
      bids: found,
      ...asked,
      deposit,
      name: options.name,
      keepFailed: options.keep === true,
      offer: access.offer,
      onStep: (step, detail) => steps.begin(step, detail),
    })
    steps.done()
    if (json)
      return sayJson({ ...deployed, ...(access.token !== undefined && { accessToken: access.token }) })
    const id = options.name ?? shortId(deployed.lease)
    say(
      `${paint('green', '●')} ${paint('bold', printable(endpoint.model))} runs as ${printable(id)} on ${short(deployed.worker)}.`,
    )
    if (access.token !== undefined) say(`  It answers whoever sends this key: ${access.token}`)
    say(paint('dim', `  cloister model chat --lease ${id}    cloister model prices    cloister close ${id}`))
  } catch (error) {
    steps.fail()
    throw error
  }
}

/** Who may ask, and for how much. */
interface Access {
  offer: Asking | undefined
  /** Of a private endpoint. */
  token: string | undefined
  tokenHash: `0x${string}` | undefined
}

function accessFrom(options: DeployModelOptions, network: Network): Access {
  const { input, cached, output, free = false, private: isPrivate = false, token } = options
  const isPriced = input !== undefined || output !== undefined
  if ([isPriced, free, isPrivate].filter(Boolean).length !== 1)
    throw new CloisterError('bad-option', 'Say what answers cost, or who may ask.', {
      hint: 'Give --input and --output, in whole tokens for a million; or --free; or --private.',
    })
  if (isPrivate) {
    const secret = newAccessToken()
    return { offer: undefined, token: secret, tokenHash: hashOf(secret) }
  }
  const { decimals, symbol } = findToken(network, token)
  const amount = (text: string | undefined) => (text === undefined ? 0n : parseAmount(text, decimals))
  const offer = {
    token: symbol,
    input: amount(input),
    cached: amount(cached ?? input),
    output: amount(output),
    payee: options.payee === undefined ? undefined : payee(options.payee, 'cloister wallet list'),
  }
  return { offer, token: undefined, tokenHash: undefined }
}
