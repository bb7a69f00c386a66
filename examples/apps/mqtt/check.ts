import { type App, type Check, Talk } from '../run/app.ts'

/** An MQTT 3.1.1 packet of less than 128 bytes. */
function packet(kind: number, ...parts: (string | number[])[]): Buffer {
  const body = Buffer.concat(
    parts.map((part) => {
      if (typeof part !== 'string') return Buffer.from(part)
      const text = Buffer.from(part)
      return Buffer.concat([Buffer.from([text.length >> 8, text.length & 255]), text])
    }),
  )
  return Buffer.concat([Buffer.from([kind, body.length]), body])
}

async function connected(app: App, client: string): Promise<Talk> {
  const talk = new Talk(app.place('broker', 1883))
  talk.say(packet(0x10, 'MQTT', [4, 2, 0, 60], client))
  await talk.hear('\x20\x02\x00\x00')
  return talk
}

async function hearRetained(app: App): Promise<void> {
  const talk = await connected(app, 'listener')
  talk.say(packet(0x82, [0, 1], 'house/door', [0]))
  await talk.hear('house/dooropen')
  talk.end()
}

/** A retained message reaches who asks later, also after an update. */
export const check: Check = {
  use: async (app) => {
    const talk = await connected(app, 'teller')
    talk.say(packet(0x31, 'house/door', [...Buffer.from('open')]))
    await hearRetained(app)
    talk.say(packet(0xe0))
    talk.end()
  },
  kept: hearRetained,
}
