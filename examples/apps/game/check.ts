import { type Check, requireThat } from '../run/app.ts'
import { ask } from '../run/udp.ts'

const OURS = Buffer.from('c1015731', 'hex')

/** A token request of Teeworlds 0.7 (`network.h`): a control packet, padded so that it can't amplify. */
function tokenRequest(): Buffer {
  const packet = Buffer.alloc(7 + 1 + 4 + 508)
  packet[0] = 1 << 2
  packet.fill(0xff, 3, 7)
  packet[7] = 5
  OURS.copy(packet, 8)
  return packet
}

/** The game server answers over UDP, before and after an update. */
export const check: Check = {
  use: async (app) => {
    const answer = await ask(app.place('teeworlds', 8303), tokenRequest())
    requireThat(answer.subarray(3, 7).equals(OURS) && answer[7] === 5, `it says ${answer.toString('hex')}`)
  },
  kept: async (app) => {
    requireThat((await ask(app.place('teeworlds', 8303), tokenRequest()))[7] === 5, 'it does not answer')
  },
}
