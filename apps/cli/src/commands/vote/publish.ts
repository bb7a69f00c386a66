import { CloisterError } from '@cloister/core'
import { votes } from '@cloister/sdk'
import { paint, say, sayJson } from '@cloister/terminal'
import { sha256, stringToBytes } from 'viem'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import { readInput } from '../migrate/input.ts'

export async function publish(id: string, file: string, options: Globals & { hub?: string }): Promise<void> {
  const cloister = connect(options)
  const { ballot, proposed } = await votes.find(cloister, id)
  const json = readInput(file)
  if (sha256(stringToBytes(json)) !== ballot.contentHash)
    throw new CloisterError('bad-file', `${file} is not this ballot’s text: its hash is another one.`)
  await votes.publish(cloister, json, options.hub)
  const { uri } = proposed.proposal
  if (options.json) return sayJson({ ballot: ballot.id, uri })
  say(`${paint('green', '●')} The text of ${ballot.id.slice(0, 10)} is published at ${uri}.`)
}
