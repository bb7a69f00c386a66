/** What can be done next, by name. Whoever shows an error puts it into the words of its own interface. */
export const ADVICE = [
  'allow-cluster',
  'allow-manifest',
  'check-kept-evidence',
  'choose-group',
  'choose-profile',
  'close-lease',
  'configure-node',
  'create-wallet',
  'deploy-again',
  'fund-account',
  'give-deposit',
  'give-secrets',
  'list-all-leases',
  'list-leases',
  'list-models',
  'list-workers',
  'log-in-to-registry',
  'look-at-key-service',
  'look-into-lease',
  'make-api-key',
  'make-scrape-token',
  'name-account',
  'register-app',
  'register-worker',
  'report-refusal',
  'resize-lease',
  'run-node',
  'send-money',
  'set-variable',
  'start-layer2',
  'start-network',
  'update-lease',
  'verify-worker',
] as const

export type AdviceName = (typeof ADVICE)[number]

/** One thing to do; `subject` is what it is to be done with: a lease, an amount. */
export interface Advice {
  do: AdviceName
  subject?: string
}

/** What to do next: a sentence where it holds in any interface, advice where it is a command or a button. */
export type Hint = string | Advice

/** The hint as a sentence, where it is one. */
export function sentenceOf(hint: Hint | undefined): string | undefined {
  return typeof hint === 'string' ? hint : undefined
}
