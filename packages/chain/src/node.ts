import { readFileSync } from 'node:fs'
import { CloisterError } from '@cloister/core'
import { type Network, readNetwork } from './network.ts'

/**
 * Reads a network's description from a JSON file. Throws `bad-network`.
 *
 * @example
 * ```ts
 * import { createCloister } from '@cloister/sdk'
 * import { loadNetwork } from '@cloister/sdk/node'
 *
 * const cloister = createCloister({ network: loadNetwork('network.json'), account })
 * ```
 */
export function loadNetwork(path: string): Network {
  let json: unknown
  try {
    json = JSON.parse(readFileSync(path, 'utf8'))
  } catch (cause) {
    throw new CloisterError('bad-network', `There is no network described at ${path}.`, {
      hint: { do: 'start-network' },
      cause,
    })
  }
  return readNetwork(json, path)
}
