import type { Dialogue, Message } from '../chat.ts'
import type { Dice } from '../dice.ts'
import {
  capital,
  counting,
  echo,
  fact,
  greeting,
  json,
  type Kind,
  manners,
  memory,
  messagesOf,
  self,
  story,
  sum,
  unknown,
  world,
} from './kinds.ts'
import { toolCall, toolsBeside } from './tools.ts'

/** How many of a hundred questions are of which kind. */
const KINDS: [share: number, kind: Kind][] = [
  [5, greeting],
  [3, manners],
  [4, self],
  [15, capital],
  [19, sum],
  [3, counting],
  [9, story],
  [19, fact],
  [8, world],
  [4, echo],
  [4, memory],
  [10, json],
  [4, unknown],
]
const SYSTEMS = [
  'You are a helpful assistant.',
  'You are a helpful assistant.',
  'You are helpful.',
  'Be brief.',
  'Answer briefly.',
  'You are a friendly teacher.',
  'You are Cloister Tiny.',
  'Answer in one sentence.',
  'Be kind and honest.',
  'You are a small model that answers questions about Cloister.',
]

/** One dialogue: one to three questions, with tools in one of six. */
export function dialogue(dice: Dice): Dialogue {
  const system: Message[] = dice.chance(35) ? [{ role: 'system', content: dice.pick(SYSTEMS) }] : []
  if (dice.chance(15)) {
    const { tools, messages } = toolCall(dice)
    return { tools, messages: [...system, ...messages] }
  }
  const count = dice.pick([1, 1, 1, 2, 3])
  const messages = Array.from({ length: count }, () => messagesOf(kindOf(dice)(dice))).flat()
  return { tools: dice.chance(5) ? toolsBeside(dice) : [], messages: [...system, ...messages] }
}

function kindOf(dice: Dice): Kind {
  let left = dice.below(KINDS.reduce((total, [share]) => total + share, 0))
  for (const [share, kind] of KINDS) {
    if (left < share) return kind
    left -= share
  }
  return greeting
}
