import type { Chain } from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import { type AbiFunction, isAddress, isAddressEqual } from 'viem'
import type { Fact } from './plan.ts'
import { artifactOf, type Deployment, resolve } from './resolve.ts'

/** Where the chain doesn't say what the plan says. */
export interface Difference {
  /** Contract and view, with the view's arguments. */
  what: string
  planned: string
  found: string
}

/**
 * Reads from the chain what a plan says of its contracts: who owns them, whom they obey and pay, who may
 * create tokens. Amounts hold right after the plan was run. Throws `bad-plan` where a view names an account
 * that the plan says nothing about.
 */
export async function checkDeployment({ client }: Chain, deployment: Deployment): Promise<Difference[]> {
  const { facts } = deployment.plan
  const forgotten = viewsOfAccounts(deployment).filter(
    ({ of, view }) => !facts.some((fact) => fact.of === of && fact.view === view),
  )
  if (forgotten.length > 0)
    throw new CloisterError(
      'bad-plan',
      `The plan does not say what these answer: ${forgotten.map(({ of, view }) => `${of}.${view}`).join(', ')}.`,
    )
  const checked = facts.map(async (fact): Promise<Difference[]> => {
    const args = resolve(deployment, fact.args) as unknown[]
    const found = await client.readContract({
      address: resolve(deployment, { contract: fact.of }) as `0x${string}`,
      abi: artifactOf(deployment, fact.of).abi,
      functionName: fact.view,
      args,
    })
    const planned = resolve(deployment, fact.is)
    if (isSame(found, planned)) return []
    return [
      {
        what: `${fact.of}.${fact.view}(${args.map((arg) => naming(deployment, arg)).join(', ')})`,
        planned: naming(deployment, planned),
        found: naming(deployment, found),
      },
    ]
  })
  return (await Promise.all(checked)).flat()
}

/** All views of a plan's contracts that answer with one address and are asked for nothing. */
function viewsOfAccounts(deployment: Deployment): Pick<Fact, 'of' | 'view'>[] {
  const { contracts, safe } = deployment.plan
  return [...contracts, ...(safe ? [{ name: 'safe' }] : [])].flatMap(({ name: of }) =>
    artifactOf(deployment, of)
      .abi.filter((item): item is AbiFunction => item.type === 'function')
      .filter(({ inputs, outputs }) => inputs.length === 0 && outputs.length === 1)
      .filter(({ outputs }) => outputs[0]?.type === 'address')
      .map(({ name: view }) => ({ of, view })),
  )
}

function isSame(found: unknown, planned: unknown): boolean {
  if (Array.isArray(found) && Array.isArray(planned))
    return found.length === planned.length && found.every((item, index) => isSame(item, planned[index]))
  return isAccount(found) && isAccount(planned) ? isAddressEqual(found, planned) : found === planned
}

/** A value for people: an account or contract of the plan by its name. */
function naming({ accounts, addresses }: Pick<Deployment, 'accounts' | 'addresses'>, value: unknown): string {
  if (Array.isArray(value)) return value.map((item) => naming({ accounts, addresses }, item)).join(', ')
  if (!isAccount(value)) return String(value)
  const known = [...Object.entries(accounts), ...Object.entries(addresses)]
  const name = known.find(([, address]) => isAddressEqual(address, value))?.[0]
  return name === undefined ? value : `${name} (${value})`
}

function isAccount(value: unknown): value is `0x${string}` {
  return typeof value === 'string' && isAddress(value, { strict: false })
}
