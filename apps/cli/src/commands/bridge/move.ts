import {
  connectSides,
  findAsset,
  followTransfer,
  type Sides,
  startDeposit,
  startWithdrawal,
  type Transfer,
  type Wanted,
} from '@cloister/bridge'
import { CloisterError, parseAmount } from '@cloister/core'
import { type Cloister, walletOf } from '@cloister/sdk'
import { note, paint, say, sayJson } from '@cloister/terminal'
import { getAddress, isAddress } from 'viem'
import { confirm } from '../../ask.ts'
import { bridgeJournal } from '../../bridge-journal.ts'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import { amountOf, type Found, jsonOf, phrase } from './show.ts'
import { sayWhere, transfersOf } from './status.ts'

interface MoveOptions extends Globals {
  to?: string
  /** False with `--no-wait`. */
  wait?: boolean
  /** True without a transaction. */
  resume?: string | true
}

export function deposit(amount: string | undefined, token: string | undefined, options: MoveOptions) {
  return move('deposit', amount, token, options)
}

export function withdraw(amount: string | undefined, token: string | undefined, options: MoveOptions) {
  return move('withdrawal', amount, token, options)
}

async function move(
  kind: Transfer['kind'],
  amount: string | undefined,
  token: string | undefined,
  options: MoveOptions,
): Promise<void> {
  const cloister = connect(options)
  const sides = connectSides(cloister.network)
  const transfers =
    options.resume === undefined
      ? await begin(kind, { cloister, sides }, { amount, token }, options)
      : await begun(kind, sides, options)
  const found: Found[] = []
  for (const transfer of transfers) found.push(await follow({ cloister, sides }, transfer, options))
  if (options.json) sayJson({ transfers: found.map(jsonOf) })
  else {
    if (found.length === 0) say(`No ${kind} is on its way, as far as is known here.`)
    for (const one of found) sayWhere(sides, one)
  }
  if (found.some(({ status: { phase } }) => phase === 'failed' || phase === 'lost')) process.exitCode = 1
}

interface Connected {
  cloister: Cloister
  sides: Sides
}

async function begin(
  kind: Transfer['kind'],
  { cloister, sides }: Connected,
  typed: { amount: string | undefined; token: string | undefined },
  options: MoveOptions,
): Promise<Transfer[]> {
  if (typed.amount === undefined || typed.token === undefined)
    throw new CloisterError('bad-option', 'How much of what is to be brought over is not said.', {
      hint: 'As in `0.5 ETH` or `100 CLOI`; --resume goes on with what was begun.',
    })
  const { account } = walletOf(cloister)
  const asset = await findAsset(sides, typed.token)
  const amount = parseAmount(typed.amount, asset.decimals)
  if (amount === 0n) throw new CloisterError('bad-amount', 'Nothing is nothing to bring over.')
  const wanted = { asset, amount, to: receiverOf(options, account.address) }
  if (!options.json || !options.yes) explain(kind, sides, wanted)
  if (!options.yes && !(await confirm('Go ahead?'))) return []
  const starting = { sides, account, journal: bridgeJournal() }
  return [await (kind === 'deposit' ? startDeposit : startWithdrawal)(starting, wanted)]
}

/** What is about to happen, before anything is signed. */
function explain(kind: Transfer['kind'], { below, network }: Sides, wanted: Wanted): void {
  const [from, to] = kind === 'deposit' ? [below.name, network.name] : [network.name, below.name]
  note(`${amountOf(wanted)} from ${from} to ${to}, for ${wanted.to}.`)
  if (kind === 'withdrawal')
    note(
      `A withdrawal isn’t instant: layer 2’s state has to be proved to ${below.name} first, and nobody can say exactly when; then a period of waiting follows. Until the end it is on neither chain. It takes a transaction on ${network.name} now and two on ${below.name} later, which need ether there.`,
    )
  if (below.proofs === 'simulated')
    note(paint('yellow', 'Proofs are simulated on this network.', process.stderr))
}

function receiverOf({ to }: MoveOptions, own: `0x${string}`): `0x${string}` {
  if (to === undefined) return own
  if (isAddress(to) && BigInt(to) > 0n) return getAddress(to)
  throw new CloisterError('bad-address', `${to.slice(0, 80)} is no address.`, {
    hint: 'It has 0x and 40 hexadecimal digits; capitals are a checksum.',
  })
}

async function begun(kind: Transfer['kind'], sides: Sides, { resume }: MoveOptions): Promise<Transfer[]> {
  const found = await transfersOf(sides, resume === true ? undefined : resume)
  const ours = found.filter((transfer) => transfer.kind === kind)
  if (resume === true || ours.length > 0) return ours
  const other = kind === 'deposit' ? 'withdraw' : 'deposit'
  throw new CloisterError('bad-option', `That is no ${kind}.`, {
    hint: `Go on with it by \`cloister bridge ${other} --resume ${resume}\`.`,
  })
}

/** To the end, or as far as it goes now. It may be broken off at any time. */
async function follow(
  { cloister, sides }: Connected,
  transfer: Transfer,
  options: MoveOptions,
): Promise<Found> {
  const isQuiet = options.json === true
  const once = options.wait === false
  if (!isQuiet && !once)
    note(paint('dim', `Ctrl-C is safe: \`cloister bridge status\` says how to go on.`, process.stderr))
  return followTransfer(
    {
      sides,
      account: walletOf(cloister).account,
      journal: bridgeJournal(),
      once,
      onStatus: (status, current) => {
        if (!isQuiet) note(`  ${phrase(sides, current, status)}`)
      },
      onUnreached: ({ message }) => {
        if (!isQuiet) note(`  ${message} Looking again until it does.`)
      },
    },
    transfer,
  )
}
