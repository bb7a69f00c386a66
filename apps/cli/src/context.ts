import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { Network } from '@cloister/chain'
import { loadNetwork } from '@cloister/chain/node'
import { CloisterError } from '@cloister/core'
import { DEVELOPMENT_ROLES, developmentAccount } from '@cloister/development/accounts'
import { type Cloister, createCloister } from '@cloister/sdk'
import { send } from '@cloister/sdk/node'
import type { Account } from 'viem'
import { findBaseMultiplesInNode } from './base-multiples.ts'
import type { Globals } from './command.ts'
import { listWallets, openWallet } from './wallets.ts'

/**
 * Where the network's description is: named, from the environment, or `.cloister/network.json` here or in a
 * folder above.
 */
export function findNetwork({ network }: Globals): string {
  const named = network ?? process.env['CLOISTER_NETWORK']
  if (named !== undefined) return resolve(named)
  for (let folder = process.cwd(); ; folder = dirname(folder)) {
    const path = join(folder, '.cloister', 'network.json')
    if (existsSync(path)) return path
    if (folder === dirname(folder)) break
  }
  // The clone the command itself lies in.
  const own = resolve(import.meta.dirname, '../../../.cloister/network.json')
  if (existsSync(own)) return own
  throw new CloisterError('no-network', 'There is no network to talk to.', {
    hint: 'Start the embedded one with `npm start` in another terminal, or name one with --network.',
  })
}

/** The account to act as, or undefined where there is none. */
function findAccount(globals: Globals, network: Network): Account | undefined {
  const wanted = globals.account ?? process.env['CLOISTER_ACCOUNT']
  const index = /^dev([0-9])$/.exec(wanted ?? '')?.[1]
  if (index !== undefined) return developmentAccount(network, Number(index))
  if (wanted !== undefined) return openWallet(wanted)
  const [only, ...others] = listWallets()
  if (only && others.length === 0) return openWallet(only.name)
  if (only)
    throw new CloisterError('which-wallet', 'There are several wallets.', {
      hint: `Say which with --account: ${[only, ...others].map((wallet) => wallet.name).join(', ')}.`,
    })
  return network.development ? developmentAccount(network, DEVELOPMENT_ROLES.tenants[0]) : undefined
}

/** Connects as the options say. */
export function connect(globals: Globals): Cloister {
  findBaseMultiplesInNode()
  const network = loadNetwork(findNetwork(globals))
  const account = findAccount(globals, network)
  return createCloister({ network, send, ...(account && { account }) })
}
