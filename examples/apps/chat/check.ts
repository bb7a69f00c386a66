import { type App, type Check, Talk } from '../run/app.ts'

async function joined(app: App, nick: string): Promise<Talk> {
  const talk = new Talk(app.place('irc', 6667))
  talk.say(`NICK ${nick}\r\nUSER ${nick} 0 * :${nick}\r\n`)
  await talk.hear(' 001 ')
  talk.say('JOIN #garden\r\n')
  await talk.hear(' 366 ')
  return talk
}

async function talkTogether(app: App): Promise<void> {
  const [ann, bob] = [await joined(app, 'ann'), await joined(app, 'bob')]
  ann.say('PRIVMSG #garden :are the apples ripe?\r\n')
  await bob.hear('are the apples ripe?')
  for (const talk of [ann, bob]) talk.end()
}

/** Two people talk to each other, before and after an update. */
export const check: Check = { use: talkTogether, kept: talkTogether }
