import { council } from '@cloister/sdk'
import { say, sayJson, table } from '@cloister/terminal'
import { connect } from '../../context.ts'
import { type BodyOptions, bodyOf } from './act.ts'
import { describeMotion } from './motion.ts'

export async function show(options: BodyOptions): Promise<void> {
  const cloister = connect(options)
  const found = await council.show(cloister, bodyOf(options))
  if (options.json) return sayJson(found)
  const { body, seats, members, termEnd, needed, motions } = found
  const day = new Date(termEnd * 1_000).toISOString().slice(0, 10)
  const contract = cloister.network.contracts[body] ?? 'ADDRESS'
  if (members.length === 0)
    say(
      `Nobody is in the ${body}${termEnd === 0 ? '' : `; the last term ended on ${day}`}. Nothing waits for it: elect one with \`cloister vote propose --title … --council ${contract} --candidate ADDRESS --candidate ADDRESS\`.`,
    )
  else {
    say(`${members.length} of ${seats} seats of the ${body} are taken, until ${day}.`)
    for (const member of members) say(`    ${member}`)
  }
  const acts = Object.entries(needed).filter(([, count]) => count > 0)
  say(`It takes ${acts.map(([act, count]) => `${count} to ${act}`).join(', ')}.`)
  if (motions.length === 0) return
  say(
    table(
      ['motion', 'is to', 'for it', 'expires'],
      motions.map(({ id, motion, votes, needed: most, expiresAt }) => [
        String(id),
        describeMotion(cloister.network, motion),
        `${votes} of ${most}`,
        new Date(expiresAt * 1_000).toISOString().slice(0, 16).replace('T', ' '),
      ]),
    ),
  )
}
