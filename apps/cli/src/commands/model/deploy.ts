import { createHash, randomBytes } from 'node:crypto'
import { createReadStream, readFileSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { findToken, type Network } from '@cloister/chain'
import {
  CloisterError,
  formatDuration,
  parseAmount,
  type SentContent,
  secondsAffordable,
  shortId,
} from '@cloister/core'
import { type Asking, type Cloister, type EndpointOptions, leases, models } from '@cloister/sdk'
import { note, paint, printable, Steps, say, sayJson } from '@cloister/terminal'
import { toHex } from 'viem'
import { confirm } from '../../ask.ts'
import { connect } from '../../context.ts'
import { payee } from '../../payee.ts'
import { hourly, money, short } from '../../show.ts'
import { terms } from '../leases/bid-terms.ts'
import { wantedDeposit } from '../leases/deploy.ts'
import type { DeployOptions } from '../leases/options.ts'

export interface DeployModelOptions extends DeployOptions {
  input?: string
  cached?: string
  output?: string
  token: string
  free?: boolean
  private?: boolean
  payee?: string
}

const MAX_FILE_BYTES = 64 * 1024

/** What a file of options may leave out or say otherwise: files by their path here, and not by digest. */
interface OptionsFile {
  door?: string
  weights?: { from?: string }
  engine?: { files?: { path: string; from?: string }[] }
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
    const { endpoint, contents } = await readOptions(path, cloister, access.tokenHash)
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
    const secret = `clo-${randomBytes(24).toString('base64url')}`
    const tokenHash = `0x${createHash('sha256').update(secret).digest('hex')}` as const
    return { offer: undefined, token: secret, tokenHash }
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

/** The options that a file has, with what it leaves to be found here. Throws `no-file`, `not-json`. */
async function readOptions(
  path: string,
  { network }: Cloister,
  tokenHash: `0x${string}` | undefined,
): Promise<{ endpoint: EndpointOptions; contents: SentContent[] }> {
  const file = jsonOf(path) as OptionsFile
  const folder = dirname(resolve(path))
  const contents: SentContent[] = []
  const [door] = file.door === undefined ? (network.inferenceImages ?? []) : [file.door]
  if (door === undefined)
    throw new CloisterError('bad-config', 'Nothing says which image the door is of.', {
      hint: 'Name its digest as `door` in the file: the network’s description lists none.',
    })
  const files = []
  for (const { from, ...named } of file.engine?.files ?? []) {
    const content = from === undefined ? undefined : await contentOf(resolve(folder, from))
    if (content) contents.push(content)
    files.push({ ...named, ...(content && { digest: content.digest, bytes: content.bytes }) })
  }
  const { from, ...weights } = file.weights ?? {}
  const weighed = from === undefined ? undefined : await contentOf(resolve(folder, from))
  const endpoint = models.checkOptions({
    version: 1,
    ...file,
    door,
    ...(file.engine && { engine: { ...file.engine, ...(files.length > 0 && { files }) } }),
    ...(file.weights && { weights: { ...weights, ...(weighed && { digest: weighed.digest }) } }),
    ...(tokenHash && { tokenHash }),
  })
  return { endpoint, contents }
}

function jsonOf(path: string): unknown {
  let text: string
  try {
    if (statSync(path).size > MAX_FILE_BYTES)
      throw new CloisterError('too-large', `${path} has more than ${MAX_FILE_BYTES} bytes.`)
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    if (cause instanceof CloisterError) throw cause
    throw new CloisterError('no-file', `${path} can not be read.`, {
      hint: 'It is JSON: see docs/inference.md for an example.',
      cause,
    })
  }
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new CloisterError('not-json', `${path} is not JSON.`, { cause })
  }
}

/** A file as it is sent beside a manifest. Throws `no-file`. */
async function contentOf(path: string): Promise<SentContent> {
  const hash = createHash('sha256')
  let bytes = 0
  try {
    for await (const chunk of createReadStream(path)) {
      hash.update(chunk)
      bytes += chunk.length
    }
  } catch (cause) {
    throw new CloisterError('no-file', `${path} can not be read.`, { cause })
  }
  return {
    digest: `sha256:${toHex(hash.digest()).slice(2)}`,
    bytes,
    open: (from) => createReadStream(path, { start: from }),
  }
}
