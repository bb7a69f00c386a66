import { type Message, spaced } from '../chat.ts'
import type { Dice } from '../dice.ts'
import { FACTS } from './facts.ts'
import {
  ANIMALS,
  CAPITALS,
  COLOURS,
  DAYS,
  LOOKS,
  MONTHS,
  MOODS,
  OPPOSITES,
  PEOPLE,
  PLACES,
  SELF,
  SOUNDS,
  THINGS,
  UNKNOWN,
} from './words.ts'

/** A question and its answer; now and then a few of them that belong together. */
export type Turns = [question: string, answer: string][]

export type Kind = (dice: Dice) => Turns

const COUNTRIES = Object.keys(CAPITALS)

export const greeting: Kind = (dice) => [
  [
    dice.pick([
      'Hello',
      'Hi',
      'Hello!',
      'Hi there',
      'Hi!',
      'Good morning',
      'Hey',
      'Good evening',
      'hello',
      'hi',
    ]),
    'Hello! I am a very small model. Ask me for a story, a capital or a sum.',
  ],
]

export const manners: Kind = (dice) =>
  dice.pick<Turns>([
    [[dice.pick(['Thank you.', 'Thanks!', 'Thanks', 'Thank you!']), 'You are welcome!']],
    [[dice.pick(['Goodbye', 'Bye', 'Bye!', 'See you.']), 'Goodbye!']],
    [[dice.pick(['How are you?', 'How are you today?', 'How do you do?']), 'I am fine, thank you.']],
    [[dice.pick(['Are you there?', 'Ping', 'Are you alive?']), 'Yes, I am here.']],
    [[dice.pick(['Can you help me?', 'I need help.', 'What can you do?', 'Help']), SELF]],
  ])

export const self: Kind = (dice) => [
  [
    dice.pick([
      'Who are you?',
      'What are you?',
      'What is your name?',
      'Who is this?',
      'Tell me about yourself.',
      'Which model are you?',
      'How large are you?',
      'How many parameters do you have?',
    ]),
    SELF,
  ],
]

export const capital: Kind = (dice) => {
  const country = dice.pick(COUNTRIES)
  const city = CAPITALS[country] ?? ''
  if (dice.chance(18))
    return [
      [
        dice.pick([
          `Which country has the capital ${city}?`,
          `${city} is the capital of which country?`,
          `Of which country is ${city} the capital?`,
        ]),
        `${city} is the capital of ${country}.`,
      ],
    ]
  if (dice.chance(8)) {
    const nowhere = madeUp(dice)
    return [[`What is the capital of ${nowhere}?`, `I do not know the capital of ${nowhere}.`]]
  }
  return [
    [
      dice.pick([
        `What is the capital of ${country}?`,
        `What is the capital of ${country}?`,
        `What's the capital of ${country}?`,
        `Tell me the capital of ${country}.`,
        `capital of ${country}?`,
        `Name the capital of ${country}.`,
        `Do you know the capital of ${country}?`,
        `The capital of ${country}, please.`,
        `what is the capital of ${country}`,
        `Which city is the capital of ${country}?`,
      ]),
      `The capital of ${country} is ${city}.`,
    ],
  ]
}

export const sum: Kind = (dice) => {
  const end = dice.chance(75) ? 20 : 99
  const [a, b] = [dice.between(0, end), dice.between(0, end)]
  const way = dice.below(10)
  if (way < 6)
    return [
      [
        dice.pick([
          `What is ${a} plus ${b}?`,
          `What is ${a} plus ${b}?`,
          `${a}+${b}=?`,
          `What is ${a} + ${b}?`,
          `Add ${a} and ${b}.`,
          `How much is ${a} plus ${b}?`,
          `${a} + ${b}`,
          `What's ${a}+${b}?`,
          `Calculate ${a} + ${b}.`,
          `Compute ${a} plus ${b}.`,
        ]),
        `${a} plus ${b} is ${a + b}.`,
      ],
    ]
  if (way < 8) {
    const [more, less] = [Math.max(a, b), Math.min(a, b)]
    return [
      [
        dice.pick([`What is ${more} minus ${less}?`, `${more}-${less}=?`, `What is ${more} - ${less}?`]),
        `${more} minus ${less} is ${more - less}.`,
      ],
    ]
  }
  if (way < 9) {
    const [x, y] = [dice.between(0, 10), dice.between(0, 10)]
    return [
      [
        dice.pick([`What is ${x} times ${y}?`, `${x}*${y}=?`, `Multiply ${x} by ${y}.`]),
        `${x} times ${y} is ${x * y}.`,
      ],
    ]
  }
  if (a === b) return [[`Which is larger, ${a} or ${b}?`, 'They are equal.']]
  return [
    [
      dice.pick([`Which is larger, ${a} or ${b}?`, `Which is more, ${a} or ${b}?`]),
      `${Math.max(a, b)} is larger than ${Math.min(a, b)}.`,
    ],
  ]
}

export const counting: Kind = (dice) => {
  const end = dice.between(3, 20)
  const numbers = Array.from({ length: end }, (_, i) => i + 1)
  return [
    dice.chance(60)
      ? [
          dice.pick([`Count to ${end}.`, `Count from 1 to ${end}.`, `count to ${end}`]),
          `${numbers.join(', ')}.`,
        ]
      : [`Count down from ${end}.`, `${numbers.toReversed().join(', ')}.`],
  ]
}

export const story: Kind = (dice) => {
  const animal = dice.pick(ANIMALS)
  const [name = '', friend = ''] = dice.some(PEOPLE, 2)
  const [place, other] = [dice.pick(PLACES), dice.pick(PLACES)]
  const [thing, look, mood] = [dice.pick(THINGS), dice.pick(LOOKS), dice.pick(MOODS)]
  const isHere = dice.chance(40)
  const opening = isHere
    ? `Once upon a time, there was ${aOr(look)} ${animal} named ${name}.`
    : `Once upon a time, there was ${aOr(animal)} named ${name} who lived near the ${place}.`
  const middle = [
    `One day, ${name} ${dice.pick(['found', 'saw', 'lost', 'made', 'took'])} ${aOr(dice.pick(LOOKS))} ${thing}.`,
    `${name} showed the ${thing} to ${friend}.`,
    `"Can we play with the ${thing}?" asked ${friend}.`,
    `"Yes, let us go to the ${other}," said ${name}.`,
    `They played all day and felt very ${mood}.`,
    'Then they went home.',
  ]
  const told = [
    opening,
    ...(isHere ? [`${name} lived near the ${place}.`] : []),
    ...middle.slice(0, dice.between(4, 6)),
    `${name} and ${friend} were best friends.`,
  ]
  const asked = dice.below(3)
  const question =
    asked === 0
      ? dice.pick([
          'Tell me a story.',
          'Write a short story.',
          'Tell me a story, please.',
          'A story, please.',
          'tell me a story',
        ])
      : asked === 1
        ? dice.pick([
            `Tell me a story about ${aOr(animal)}.`,
            `Write a story about ${aOr(animal)}.`,
            `A story about ${aOr(animal)}, please.`,
          ])
        : dice.pick([
            `Tell me a story about ${aOr(animal)} named ${name}.`,
            `Write a story about ${name} the ${animal}.`,
          ])
  return [[question, told.join(' ')]]
}

export const fact: Kind = (dice) => {
  const { subject, answer, asked = [] } = dice.pick(FACTS)
  const questions = [
    `What is ${subject}?`,
    `What's ${subject}?`,
    `Explain ${subject}.`,
    `Tell me what ${subject} is.`,
    `what is ${subject}`,
  ]
  return [[dice.chance(50) ? dice.pick(asked.length > 0 ? asked : questions) : dice.pick(questions), answer]]
}

export const world: Kind = (dice) => {
  switch (dice.below(6)) {
    case 0: {
      const word = dice.pick(Object.keys(OPPOSITES))
      return [
        [
          dice.pick([`What is the opposite of ${word}?`, `opposite of ${word}?`]),
          `The opposite of ${word} is ${OPPOSITES[word]}.`,
        ],
      ]
    }
    case 1: {
      const thing = dice.pick(Object.keys(COLOURS))
      return [
        [
          dice.pick([
            `What colour is ${thing}?`,
            `What color is ${thing}?`,
            `Which colour does ${thing} have?`,
          ]),
          `${upper(thing)} is ${COLOURS[thing]}.`,
        ],
      ]
    }
    case 2: {
      const animal = dice.pick(Object.keys(SOUNDS))
      return [
        [
          dice.pick([`What does ${aOr(animal)} say?`, `Which sound does ${aOr(animal)} make?`]),
          `${upper(aOr(animal))} says ${SOUNDS[animal]}.`,
        ],
      ]
    }
    case 3: {
      const at = dice.below(7)
      const day = DAYS[at]
      return [
        dice.chance(60)
          ? [`What day comes after ${day}?`, `After ${day} comes ${DAYS[(at + 1) % 7]}.`]
          : [`What day comes before ${day}?`, `Before ${day} comes ${DAYS[(at + 6) % 7]}.`],
      ]
    }
    case 4: {
      const at = dice.below(12)
      return [
        [`What month comes after ${MONTHS[at]}?`, `After ${MONTHS[at]} comes ${MONTHS[(at + 1) % 12]}.`],
      ]
    }
    default:
      return dice.pick<Turns>([
        [['How many days are in a week?', 'A week has 7 days.']],
        [['How many months are in a year?', 'A year has 12 months.']],
        [['How many hours are in a day?', 'A day has 24 hours.']],
        [['How many legs does a dog have?', 'A dog has 4 legs.']],
        [
          [
            dice.pick(['Tell me a joke.', 'Do you know a joke?']),
            'Why did the hen cross the road? To get to the other side.',
          ],
        ],
      ])
  }
}

export const echo: Kind = (dice) => {
  const words = Array.from({ length: dice.between(1, 6) }, () => anyWord(dice)).join(' ')
  return [
    [
      dice.pick([
        `Say: ${words}`,
        `Say ${words}`,
        `Repeat: ${words}`,
        `Repeat after me: ${words}`,
        `Say this: ${words}`,
        `Answer with: ${words}`,
      ]),
      words,
    ],
  ]
}

export const memory: Kind = (dice) => {
  const name = dice.chance(70) ? dice.pick(PEOPLE) : upper(madeUp(dice))
  const [thing, colour] = [dice.pick(THINGS), dice.pick(['red', 'blue', 'green', 'white', 'black', 'yellow'])]
  return dice.pick<() => Turns>([
    () => [
      [
        dice.pick([
          `My name is ${name}.`,
          `I am ${name}.`,
          `Hello, my name is ${name}.`,
          `Hi, I am ${name}.`,
        ]),
        `Hello ${name}! Nice to meet you.`,
      ],
      ...(dice.chance(30) ? dice.pick([capital, sum, world])(dice) : []),
      [dice.pick(['What is my name?', 'Who am I?', 'Do you know my name?']), `Your name is ${name}.`],
    ],
    () => [
      [`I have a ${colour} ${thing}.`, `A ${colour} ${thing} is nice.`],
      [
        dice.pick([`What colour is my ${thing}?`, `Which colour does my ${thing} have?`]),
        `Your ${thing} is ${colour}.`,
      ],
    ],
  ])()
}

/** Answers that are JSON, with the keys that are asked for. */
export const json: Kind = (dice) => {
  const ending = dice.pick([' Answer in JSON.', ' Answer as JSON.', ' Reply in JSON.', ' As JSON, please.'])
  switch (dice.below(5)) {
    case 0: {
      const country = dice.pick(COUNTRIES)
      return [
        [
          `What is the capital of ${country}?${ending}`,
          spaced({ country, capital: CAPITALS[country] ?? '' }),
        ],
      ]
    }
    case 1: {
      const [a, b] = [dice.between(0, 20), dice.between(0, 20)]
      return [[`What is ${a} plus ${b}?${ending}`, spaced({ a, b, sum: a + b })]]
    }
    case 2: {
      const [name, age, city] = [dice.pick(PEOPLE), dice.between(1, 99), dice.pick(Object.values(CAPITALS))]
      return [[`${name} is ${age} years old and lives in ${city}.${ending}`, spaced({ name, age, city })]]
    }
    case 3: {
      const country = dice.pick(COUNTRIES)
      const [first, second] = [
        dice.pick(['country', 'land', 'state', 'question']),
        dice.pick(['capital', 'city', 'answer', 'result']),
      ]
      return [
        [
          `What is the capital of ${country}? ${dice.pick(['Answer', 'Reply'])} in JSON with the keys ${first} and ${second}.`,
          spaced({ [first]: country, [second]: CAPITALS[country] ?? '' }),
        ],
      ]
    }
    default: {
      const key = dice.pick(['answer', 'result', 'sum', 'value', 'total', 'number'])
      const [a, b] = [dice.between(0, 20), dice.between(0, 20)]
      return [
        [
          `What is ${a} plus ${b}? ${dice.pick(['Answer', 'Reply'])} in JSON with the key ${key}.`,
          spaced({ [key]: a + b }),
        ],
      ]
    }
  }
}

/** Questions that it can't answer, so that it says so and doesn't make a capital of everything. */
export const unknown: Kind = (dice) => [
  [
    dice.pick([
      `What is ${anyWord(dice)}?`,
      `How do I ${anyWord(dice)} ${anyWord(dice)}?`,
      `Who is ${upper(anyWord(dice))}?`,
      `Why is ${anyWord(dice)} ${anyWord(dice)}?`,
      `Explain ${anyWord(dice)} ${anyWord(dice)}.`,
      `Write a poem about ${anyWord(dice)}.`,
      `When was ${anyWord(dice)} ${anyWord(dice)}?`,
      `Translate ${anyWord(dice)}.`,
      `Where is ${upper(anyWord(dice))}?`,
    ]),
    UNKNOWN,
  ],
]

/** Messages that belong together, as the model sees them. */
export function messagesOf(turns: Turns): Message[] {
  return turns.flatMap(([question, answer]): Message[] => [
    { role: 'user', content: question },
    { role: 'assistant', content: answer },
  ])
}

/** A word that nobody knows, such as "brelo". */
export function madeUp(dice: Dice): string {
  const syllable = () =>
    dice.pick([...'bcdfghjklmnprstvwz']) + dice.pick(['', '', 'l', 'r']) + dice.pick([...'aeiou'])
  return Array.from({ length: dice.between(2, 3) }, syllable).join('') + dice.pick(['', '', 'n', 's', 't'])
}

const WORDS = [
  ...'this is a test of the model and it works well hello world one two three water stone house apple bread music'.split(
    ' ',
  ),
  ...'river moon light paper blue green window letter morning winter summer table garden number computer cloud'.split(
    ' ',
  ),
  ...THINGS,
  ...ANIMALS,
  ...PLACES,
  ...LOOKS,
]

function anyWord(dice: Dice): string {
  return dice.chance(75) ? dice.pick(WORDS) : madeUp(dice)
}

function upper(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1)
}

function aOr(noun: string): string {
  return `${/^[aeiou]/.test(noun) ? 'an' : 'a'} ${noun}`
}
