import { appIdOf, getAppOwner } from '@cloister/chain'
import { everyPage } from '@cloister/client'
import type { Address, Hex } from 'viem'
import type { Cloister } from '../cloister.ts'

/**
 * Apps that an account owns, oldest first, with the names they were registered under. The index says which
 * there may be; who owns each is read from the chain, and a name is given only where the app's id is made of
 * it. Throws what the index and the chain's node throw.
 *
 * @example
 * ```ts
 * import { apps } from '@cloister/sdk'
 *
 * for (const { app, name } of await apps.list(cloister, account.address)) console.log(app, name)
 * ```
 */
export async function listApps(
  { chain, index, network }: Cloister,
  owner: Address,
): Promise<{ app: Hex; name: string }[]> {
  const found = await everyPage((from) => index.apps({ owner, ...from }))
  const owners = await Promise.all(found.map(({ app }) => getAppOwner(chain, app)))
  return found
    .filter((_, position) => owners[position] === owner)
    .map(({ app, name, registeredBy }) => ({ app, name: isNameOf(app, registeredBy, name) ? name : '' }))
    .reverse()

  function isNameOf(app: Hex, account: Address, name: string): boolean {
    try {
      return appIdOf(network, account, name) === app
    } catch {
      // Whoever registers an app with a contract call of their own may name it anything.
      return false
    }
  }
}
