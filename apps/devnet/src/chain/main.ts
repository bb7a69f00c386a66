// The embedded network's chain as a daemon: node main.ts FOLDER PORT
import { messageOf } from '@cloister/core'
import { stopWhenAsked } from '@cloister/operations/stop'
import { giveBackAfterStart } from '@cloister/packed'
import { JournaledChain } from './chain.ts'
import { ChainDoor } from './door.ts'

const log = (level: string, message: string) =>
  process.stdout.write(
    `${JSON.stringify({ time: new Date().toISOString(), level, name: 'chain', message })}\n`,
  )

try {
  const [folder = '', port = ''] = process.argv.slice(2)
  const chain = await JournaledChain.open({ folder, warn: (message) => log('warn', message) })
  const door = new ChainDoor(chain)
  await door.listen(Number(port))
  log('info', `block ${chain.head.number}, port ${port}`)
  giveBackAfterStart()
  stopWhenAsked(async () => {
    await door.close()
    await chain.stop()
  })
} catch (error) {
  log('error', messageOf(error))
  process.exit(1)
}
