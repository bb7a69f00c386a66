import { type CouncilBody, type CouncilMotion, findToken } from '@cloister/chain'
import { CloisterError, parseAmount } from '@cloister/core'
import { type Cloister, council, votes } from '@cloister/sdk'
import { paint, say, sayJson } from '@cloister/terminal'
import { getAddress, type Hex, isAddress } from 'viem'
import { confirm } from '../../ask.ts'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import { describeMotion } from './motion.ts'

export interface BodyOptions extends Globals {
  committee?: boolean
}

export const bodyOf = ({ committee }: BodyOptions): CouncilBody => (committee ? 'committee' : 'council')

export const veto = (ballot: string, options: BodyOptions) => onBallot('veto', ballot, options)
export const spam = (ballot: string, options: BodyOptions) => onBallot('spam', ballot, options)
export const hasten = (ballot: string, options: BodyOptions) => onBallot('hasten', ballot, options)

async function onBallot(act: 'veto' | 'spam' | 'hasten', id: string, options: BodyOptions): Promise<void> {
  const cloister = connect(options)
  const { ballot } = await votes.find(cloister, id)
  await support(cloister, { act, ballot: ballot.id }, options)
}

export async function spend(
  amount: string,
  to: string,
  options: BodyOptions & { token?: string },
): Promise<void> {
  const cloister = connect(options)
  if (!isAddress(to)) throw new CloisterError('bad-address', `${to.slice(0, 60)} is no address.`)
  const token = findToken(cloister.network, options.token ?? 'CLOI')
  const units = parseAmount(amount, token.decimals)
  await support(cloister, { act: 'spend', token: token.address, to: getAddress(to), amount: units }, options)
}

async function support(cloister: Cloister, motion: CouncilMotion, options: BodyOptions): Promise<void> {
  const body = bodyOf(options)
  await agree(`As a member of the ${body}: ${describeMotion(cloister.network, motion)}?`, options)
  await tell(cloister, body, motion, await council.support(cloister, body, motion), options)
}

export async function second(number: string, options: BodyOptions): Promise<void> {
  const cloister = connect(options)
  const body = bodyOf(options)
  const before = await council.show(cloister, body)
  const found = before.motions.find(({ id }) => String(id) === number)
  if (!found)
    throw new CloisterError('not-found', `The ${body} has no motion ${number.slice(0, 20)} that is open.`, {
      hint: `See which there are with \`cloister council show${options.committee ? ' --committee' : ''}\`.`,
    })
  await agree(`As a member of the ${body}: ${describeMotion(cloister.network, found.motion)}?`, options)
  await tell(cloister, body, found.motion, await council.second(cloister, body, found.id), options)
}

export async function seat(id: string, options: BodyOptions): Promise<void> {
  const cloister = connect(options)
  const body = bodyOf(options)
  const election = await votes.find(cloister, id)
  await agree(`Seat those whom ${election.ballot.id.slice(0, 10)} chose in the ${body}?`, options)
  const transaction = await council.seat(cloister, body, election)
  const { members, termEnd } = await council.show(cloister, body)
  if (options.json) return sayJson({ body, transaction, members, termEnd })
  say(`${paint('green', '●')} Seated in the ${body}: ${members.join(', ')}.`)
}

async function agree(question: string, options: Globals): Promise<void> {
  if (options.yes || options.json || (await confirm(question))) return
  throw new CloisterError('cancelled', 'Nothing was sent.')
}

/** Says whether the motion was carried: then it is open no more. */
async function tell(
  cloister: Cloister,
  body: CouncilBody,
  motion: CouncilMotion,
  transaction: Hex,
  options: Globals,
): Promise<void> {
  const { motions } = await council.show(cloister, body)
  const open = council.findMotion(motions, motion)
  if (options.json) return sayJson({ body, transaction, isCarried: open === undefined, motions })
  if (!open) return say(`${paint('green', '●')} Carried and done, by transaction ${transaction}.`)
  say(`${paint('yellow', '●')} ${open.votes} of ${open.needed} members are for motion ${open.id}.`)
}
