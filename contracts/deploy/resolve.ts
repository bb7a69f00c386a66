import { CloisterError } from '@cloister/core'
import { type Address, getAddress } from 'viem'
import type { Artifact, Artifacts } from './artifacts.ts'
import type { Plan, Value } from './plan.ts'

/** A plan with everything that it leaves open. */
export interface Deployment {
  plan: Plan
  artifacts: Artifacts
  /** By what they are in the plan. */
  accounts: Readonly<Record<string, Address>>
  /** Addresses of the plan's contracts, by name. */
  addresses: Readonly<Record<string, Address>>
  /** Values that the plan leaves to whoever runs it. */
  given: Readonly<Record<string, Value>>
}

/** What a value of the plan stands for. Throws `bad-plan` for a reference to what isn't there. */
export function resolve(deployment: Deployment, value: Value): unknown {
  if (Array.isArray(value)) return value.map((item) => resolve(deployment, item))
  if (typeof value !== 'object') return value
  const { plan, accounts, addresses, given } = deployment
  const [[kind, name] = [], ...more] = Object.entries(value)
  if (more.length === 0 && typeof name === 'string') {
    if (kind === 'contract') return getAddress(required(addresses, 'contract', name))
    if (kind === 'account') return getAddress(required(accounts, 'account', name))
    if (kind === 'given') return resolve(deployment, required({ ...plan.values, ...given }, 'value', name))
  }
  return Object.fromEntries(Object.entries(value).map(([field, item]) => [field, resolve(deployment, item)]))
}

/** The compiled contract behind a name of the plan. Throws `bad-plan`. */
export function artifactOf({ plan, artifacts }: Deployment, name: string): Artifact {
  const planned = plan.contracts.find((one) => one.name === name)
  const compiled = plan.safe && name === 'safe' ? 'SafeL2' : (planned?.contract ?? name)
  return required(artifacts, 'compiled contract', compiled)
}

function required<T>(known: Readonly<Record<string, T>>, what: string, name: string): T {
  const found = Object.hasOwn(known, name) ? known[name] : undefined
  if (found === undefined)
    throw new CloisterError(
      'bad-plan',
      `The deployment’s plan names the ${what} ${name}, which is not there.`,
    )
  return found
}
