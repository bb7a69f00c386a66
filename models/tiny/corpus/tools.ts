import { callOf, type Message, spaced, type Tool } from '../chat.ts'
import type { Dice } from '../dice.ts'
import { madeUp } from './kinds.ts'
import { CAPITALS, PEOPLE } from './words.ts'

/** A function as clients may offer it: by one of several names, with parameters by one of several names. */
interface Offer {
  verbs: string[]
  nouns: string[]
  says: string[]
  /** Names for each parameter, in order. */
  parameters: string[][]
  values: (dice: Dice) => (string | number)[]
  questions: (values: (string | number)[]) => string[]
  result: (dice: Dice, values: (string | number)[]) => Record<string, string | number>
}

const CITIES = Object.values(CAPITALS)
const city = (dice: Dice) => (dice.chance(85) ? dice.pick(CITIES) : madeUp(dice))
const PLACE = ['city', 'location', 'place', 'town', 'where']

const OFFERS: Offer[] = [
  {
    verbs: ['get', 'fetch', 'read', 'find', 'current', 'ask', 'check'],
    nouns: ['weather', 'forecast', 'temperature', 'current_weather'],
    says: ['The weather in a city', 'Get the weather', 'Get the current weather', 'Weather of a place', ''],
    parameters: [PLACE],
    values: (dice) => [city(dice)],
    questions: ([a]) => [
      `What is the weather in ${a}?`,
      `How is the weather in ${a}?`,
      `What's the weather like in ${a}?`,
      `Is it warm in ${a}?`,
      `Weather in ${a}?`,
      `Tell me the weather in ${a}.`,
    ],
    result: (dice) => ({
      [dice.pick(['temperature', 'degrees'])]: dice.between(0, 35),
      [dice.pick(['sky', 'condition', 'weather'])]: dice.pick(['sunny', 'cloudy', 'rainy', 'windy', 'clear']),
    }),
  },
  {
    verbs: ['get', 'read', 'current', 'find', 'ask', 'check'],
    nouns: ['time', 'clock', 'local_time'],
    says: ['The time in a city', 'Get the time', 'Get the local time', ''],
    parameters: [[...PLACE, 'timezone']],
    values: (dice) => [city(dice)],
    questions: ([a]) => [
      `What time is it in ${a}?`,
      `What is the time in ${a}?`,
      `Tell me the time in ${a}.`,
    ],
    result: (dice) => ({ time: `${dice.between(0, 23)}:${dice.between(10, 59)}` }),
  },
  {
    verbs: ['add', 'sum', 'plus'],
    nouns: ['numbers', 'two', 'integers', 'values', ''],
    says: ['Add two numbers', 'The sum of two numbers', ''],
    parameters: [
      ['a', 'x', 'first', 'left'],
      ['b', 'y', 'second', 'right'],
    ],
    values: (dice) => [dice.between(0, 999), dice.between(0, 999)],
    questions: ([a, b]) => [`What is ${a} plus ${b}?`, `Add ${a} and ${b}.`, `${a} + ${b} = ?`],
    result: (_, [a = 0, b = 0]) => ({ sum: Number(a) + Number(b) }),
  },
  {
    verbs: ['search', 'find', 'lookup', 'query'],
    nouns: ['web', 'docs', 'documents', 'pages', ''],
    says: ['Search the web', 'Find documents', 'Search', ''],
    parameters: [['query', 'q', 'text', 'term', 'search']],
    values: (dice) => [
      dice.chance(50) ? dice.pick(['a lease', 'stake', 'volumes', 'ballots']) : madeUp(dice),
    ],
    questions: ([a]) => [`Search for ${a}.`, `Find ${a}.`, `Look up ${a}.`],
    result: (dice) => ({ found: dice.between(1, 9) }),
  },
  {
    verbs: ['send', 'write', 'post'],
    nouns: ['message', 'mail', 'email', 'note'],
    says: ['Send a message', 'Write to somebody', ''],
    parameters: [
      ['to', 'name', 'recipient', 'person'],
      ['text', 'message', 'body', 'content'],
    ],
    values: (dice) => [
      dice.pick(PEOPLE),
      dice.pick(['hello', 'good morning', 'thank you', 'see you', madeUp(dice)]),
    ],
    questions: ([a, b]) => [`Send ${b} to ${a}.`, `Write ${b} to ${a}.`, `Tell ${a}: ${b}`],
    result: () => ({ sent: 'yes' }),
  },
]

/** Tools for a dialogue, `wanted` among them, and how the wanted one is called by name and parameters. */
function offer(dice: Dice, wanted: Offer): { tools: Tool[]; chosen: Tool } {
  const shown = (one: Offer): Tool => {
    const noun = dice.pick(one.nouns)
    return {
      name: noun ? `${dice.pick(one.verbs)}_${noun}` : dice.pick(one.verbs),
      description: dice.pick(one.says),
      parameters: one.parameters.map((names) => dice.pick(names)),
    }
  }
  const chosen = shown(wanted)
  const others = dice
    .some(
      OFFERS.filter((one) => one !== wanted),
      dice.below(3),
    )
    .map(shown)
  const tools = others.filter(({ name }) => name !== chosen.name)
  tools.splice(dice.below(tools.length + 1), 0, chosen)
  return { tools, chosen }
}

/** A question that a tool is called for, mostly with the tool's result and what is said of it. */
export function toolCall(dice: Dice): { tools: Tool[]; messages: Message[] } {
  const wanted = dice.pick(dice.chance(40) ? OFFERS.slice(0, 1) : OFFERS)
  const { tools, chosen } = offer(dice, wanted)
  const values = wanted.values(dice)
  const messages: Message[] = [
    { role: 'user', content: dice.pick(wanted.questions(values)) },
    {
      role: 'assistant',
      content: callOf(
        chosen.name,
        Object.fromEntries(chosen.parameters.map((parameter, i) => [parameter, values[i] ?? ''])),
      ),
    },
  ]
  if (dice.chance(70)) {
    const result = wanted.result(dice, values)
    const json = dice.chance(50) ? spaced(result) : JSON.stringify(result)
    const isPlain = dice.chance(30)
    const plain = Object.values(result).toReversed().join(', ')
    messages.push(
      { role: 'tool', content: isPlain ? plain : json },
      {
        role: 'assistant',
        content: isPlain
          ? `The answer is: ${plain}.`
          : `The answer is: ${Object.entries(result)
              .map(([key, value]) => `${key} ${value}`)
              .join(', ')}.`,
      },
    )
  }
  return { tools, messages }
}

/** Tools that lie about while something else is asked. */
export function toolsBeside(dice: Dice): Tool[] {
  // Sums are left out: with a tool that adds, it is called.
  return offer(dice, dice.pick(OFFERS.filter(({ verbs }) => !verbs.includes('add')))).tools.filter(
    ({ name }) => !/^(add|sum|plus)/.test(name),
  )
}
