import { appIdOf, type Network } from '@cloister/chain'
import { type Address, type Hex, zeroAddress } from 'viem'
import { expect, it } from 'vitest'
import type { Cloister } from '../cloister.ts'
import { listApps } from './list.ts'

const OWNER: Address = '0x90F79bf6EB2c4f870365E785982E1f101E93b906'
const OTHER: Address = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8'
const network = { chainId: 1, contracts: { apps: zeroAddress } } as unknown as Network

/** A connection whose index tells of `apps`, and whose chain knows who owns each. */
function telling(apps: { app: Hex; name: string; registeredBy: Address }[], owners: Record<Hex, Address>) {
  const readContract = async ({ args: [app] }: { args: [Hex] }) => ({ owner: owners[app] ?? zeroAddress })
  const index = {
    // A page for each app.
    apps: async ({ cursor = '0' }: { cursor?: string }) => {
      const next = Number(cursor) + 1
      return { items: apps.slice(next - 1, next), ...(next < apps.length && { next: String(next) }) }
    },
  }
  return { network, chain: { network, client: { readContract } }, index } as unknown as Cloister
}

it('gives the apps that the chain says are an account’s, under names that their ids are made of', async () => {
  const own = appIdOf(network, OWNER, 'shop')
  const bought = appIdOf(network, OTHER, 'forum')
  const renamed = appIdOf(network, OWNER, 'true')
  const lost: Hex = `0x${'1'.repeat(64)}`
  const apps = [
    { app: own, name: 'shop', registeredBy: OWNER },
    { app: bought, name: 'forum', registeredBy: OTHER },
    { app: renamed, name: 'false', registeredBy: OWNER },
    { app: lost, name: '\x1b[2J', registeredBy: OWNER },
  ]
  const owners = { [own]: OWNER, [bought]: OWNER, [renamed]: OWNER, [lost]: OTHER }
  expect(await listApps(telling(apps, owners), OWNER)).toEqual([
    { app: renamed, name: '' },
    { app: bought, name: 'forum' },
    { app: own, name: 'shop' },
  ])
  expect(await listApps(telling([], {}), OWNER)).toEqual([])
})

it('gives no name that nobody can register an app under', async () => {
  const app: Hex = `0x${'2'.repeat(64)}`
  const apps = [{ app, name: 'Not A Name', registeredBy: OWNER }]
  expect(await listApps(telling(apps, { [app]: OWNER }), OWNER)).toEqual([{ app, name: '' }])
})
