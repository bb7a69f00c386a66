import type { Advice, AdviceName, Hint } from '@cloister/core/errors'

/** Advice in the words of the command line; `subject` is the lease or the amount it is about. */
const WORDS: Record<AdviceName, string | ((subject?: string) => string)> = {
  'allow-cluster':
    'Allow them, as they are to be opened: `cloister apps allow APP FILE --cluster NAME -n SIZE`; it counts after the upgrade delay.',
  'allow-manifest': 'Its owner can allow it: `cloister apps allow`; it counts after the upgrade delay.',
  'check-kept-evidence': 'Evidence that was kept can be checked still: `cloister verify --offline FILE`.',
  'choose-group': (groups) => `Choose with --group: ${groups}.`,
  'choose-profile': (profiles) => `Choose with --profile: ${profiles}.`,
  'close-lease': (lease) => `Close the lease yourself: \`cloister close ${lease}\`.`,
  'configure-node': 'Write one by `cloister provider init --manager WORKER`.',
  'create-wallet': 'Make one with `cloister wallet create`, or import one with `cloister wallet import`.',
  'deploy-again': 'Fix it and deploy again, or add --keep to look into it while it is open.',
  'fund-account': 'On the development network: `cloister wallet faucet`.',
  'give-deposit': (amount) => `Say --deposit ${amount} to agree. What is not used is paid back.`,
  'give-secrets': 'Give them with --app NAME --secrets FILE; see docs/secrets.md.',
  'list-all-leases': 'See `cloister ps --all`.',
  'list-leases': 'See `cloister ps`.',
  'list-models': 'See what there is and what it costs: `cloister model prices`.',
  'list-workers': 'Change what they decline for, or see who else is there with `cloister workers`.',
  'log-in-to-registry':
    'Check the name. If it is private, type `docker login` and deploy with --registry-login; an SDL may state `credentials`.',
  'look-at-key-service': 'Two of its three seats are needed; see `cloister keys`.',
  'look-into-lease': (lease) =>
    `The lease stays open: \`cloister logs ${lease}\`, \`cloister exec ${lease} -- sh\`; end it with \`cloister close ${lease}\`.`,
  'make-api-key':
    'Put money into the purse with `cloister model fund`, make a key with `cloister model key create`, and give it in CLOISTER_API_KEY.',
  'make-scrape-token': (lease) => `Make one with \`cloister metrics token ${lease?.slice(2, 18)}\`.`,
  'name-account': 'Name its account with --account.',
  'register-app': 'Register it with `cloister apps create`.',
  'register-worker': 'Write its configuration and register it with `cloister provider init`.',
  'report-refusal': (lease) =>
    `Try again for fresh bids. A refused bid costs the provider stake: cloister stake report ${lease}`,
  'resize-lease': (lease) =>
    `Change what the lease has, and its price with it: \`cloister resize ${lease ?? 'LEASE'} FILE\`.`,
  'run-node': 'Run it by `cloister provider node`, or take `manager` out of its configuration.',
  'send-money': 'Send some to it, or name another account with --account.',
  'set-variable': 'Set it in the environment or with --env-file.',
  'start-layer2':
    'A network’s description names it as `layer1`. The embedded network has one if it is begun by `npm start -- --layer2 --fresh`, which throws away the state of the one before.',
  'start-network':
    'Start the embedded network with `npm start` in another terminal, or name a network file with --network.',
  'update-lease': 'Put the manifest on the lease and hand it over: `cloister update` does both.',
  'verify-worker': (worker) =>
    worker === undefined
      ? 'Look closer with `cloister verify`, or say another --policy.'
      : `Look closer with \`cloister verify ${worker}\`.`,
}

/** A hint as the command line says it. */
export function wordsOf(hint: Hint): string {
  return typeof hint === 'string' ? hint : saying(hint)
}

function saying({ do: name, subject }: Advice): string {
  const words = WORDS[name]
  return typeof words === 'string' ? words : words(subject)
}
