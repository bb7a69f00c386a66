// A door as a process of its own, which tests kill. What it is to be comes by a message; its port goes back.

import { once } from 'node:events'
import { type Chain, connectWallet, type Network } from '@cloister/chain'
import type { Hex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import type { EndpointOptions } from '../protocol/options.ts'
import type { Rhythm } from '../server/payments.ts'
import { runDoor } from '../server/run-door.ts'
import { FakeAgent } from './fake-agent.ts'
import { sendAs } from './money-stage.ts'

/** What a door process is told. */
export interface DoorOrders {
  options: EndpointOptions
  engineUrl: string
  folder: string
  network: Network
  lease: Hex
  secret: Hex
  workerKey: Hex
  rhythm: Rhythm
}

const [orders] = (await once(process, 'message')) as [DoorOrders]
const { network, lease, options, engineUrl, folder, rhythm } = orders
const worker = privateKeyToAccount(orders.workerKey)
const wallet = connectWallet(network, worker)
const agent = new FakeAgent(network, { lease, secret: Buffer.from(orders.secret.slice(2), 'hex') }, worker)
agent.sender = sendAs(wallet)
const door = await runDoor({
  options,
  engineUrl,
  self: agent.self,
  agent,
  chain: wallet satisfies Chain,
  folder,
  at: { host: '127.0.0.1', port: 0 },
  log: () => {},
  rhythm,
})
process.send?.(door.port)
