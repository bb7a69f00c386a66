import { parseKind, publishDocument } from '@cloister/ballots'
import { getTrack } from '@cloister/chain'
import { CloisterError, formatDuration, showAmount } from '@cloister/core'
import { type ProposeParameters, votes } from '@cloister/sdk'
import { note, paint, say, sayJson } from '@cloister/terminal'
import { type Address, getAddress, isAddress } from 'viem'
import { confirm } from '../../ask.ts'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import { writeOutput } from '../../output-file.ts'
import { CLOI } from '../../show.ts'
import { readInput } from '../migrate/input.ts'
import { payment, readCalls } from './calls.ts'
import { granting } from './grant.ts'
import { parseTrack, trackName } from './tracks.ts'

interface ProposeOptions extends Globals {
  title: string
  text?: string
  track?: string
  kind?: string
  choice?: string[]
  calls?: string
  pay?: string
  grant?: string
  milestone?: string[]
  amount?: string
  token?: string
  council?: string
  candidate?: string[]
}

export async function propose(options: ProposeOptions): Promise<void> {
  const cloister = connect(options)
  const parameters = parametersOf(options, cloister.network)
  const { bond, votingPeriod, timelock } = await getTrack(cloister.chain, parameters.track)
  if (!options.yes && !options.json) {
    note(
      `Track ${trackName(parameters.track)}: ${showAmount(bond, CLOI)} are your bond, which comes back unless the council calls it spam and it fails. Voting lasts ${formatDuration(votingPeriod)}, the timelock ${formatDuration(timelock)}.`,
    )
    if (!(await confirm('Propose it?'))) throw new CloisterError('cancelled', 'Nothing was proposed.')
  }
  const { id, transaction, isPublished } = await votes.propose(cloister, parameters)
  const file = isPublished ? undefined : `ballot-${id.slice(2, 10)}.json`
  if (file !== undefined) writeOutput(file, publishDocument(parameters.document).json)
  if (options.json) return sayJson({ id, transaction, isPublished, file })
  say(`${paint('green', '●')} Proposed: ballot ${id}. See it with \`cloister vote show ${id.slice(0, 10)}\`.`)
  if (file !== undefined)
    say(
      `Its text could not be published; it is in ${file}: \`cloister vote publish ${id.slice(0, 10)} ${file}\`.`,
    )
}

function parametersOf(options: ProposeOptions, network: Parameters<typeof readCalls>[1]): ProposeParameters {
  const { title, council, candidate = [], pay, grant, milestone = [], amount, token } = options
  const election =
    council === undefined ? undefined : { body: addressOf(council), candidates: candidate.map(addressOf) }
  const kind = parseKind(options.kind ?? (election ? 'approval' : 'basic'))
  const track = parseTrack(
    options.track ?? (election ? 'election' : (pay ?? grant) === undefined ? 'parameters' : 'small'),
  )
  const choices = options.choice ?? candidate
  const body = options.text === undefined ? '' : readInput(options.text)
  const document = { title, body, choices: kind === 'basic' ? [] : choices }
  const isFor = () => publishDocument(document).contentHash
  const calls = [
    ...(options.calls === undefined ? [] : readCalls(options.calls, network)),
    ...(pay === undefined ? [] : [payment(network, pay, amount, token)]),
    ...(grant === undefined ? [] : [granting(network, grant, milestone, isFor(), token)]),
  ]
  if (calls.length > 0 && kind !== 'basic')
    throw new CloisterError('bad-option', 'Only a basic ballot (for, against, abstain) has calls.')
  if (kind !== 'basic' && choices.length < 2)
    throw new CloisterError('bad-option', `A ${kind} ballot needs at least two of --choice.`)
  return {
    track,
    kind,
    document,
    calls,
    ...(election && { election }),
  }
}

function addressOf(text: string): Address {
  if (isAddress(text)) return getAddress(text)
  throw new CloisterError('bad-address', `${text.slice(0, 60)} is no address.`)
}
