// `npm start`: the whole network on one machine.
import { parseArgs } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { DEVELOPMENT_ROLES, developmentAccount, type Network } from '@cloister/chain'
import { formatAmount, formatDuration, messageOf, pricePerHour } from '@cloister/core'
import { paint, Steps, say, showError, table } from '@cloister/terminal'
import { type EmbeddedNetwork, startNetwork } from './network.ts'
import { WORKERS } from './workers.ts'

const HELP = `The embedded Cloister network: chain, contracts, indexer, gateway and three workers.

  npm start                 start it, or take it up where it was left
  npm start -- --fresh      throw its state away and begin anew
  npm start -- --folder X   keep its state in X (default: .cloister)
`

const { values } = parseArgs({
  options: {
    fresh: { type: 'boolean', default: false },
    folder: { type: 'string', default: '.cloister' },
    'free-ports': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
  },
})
if (values.help) {
  process.stdout.write(HELP)
  process.exit(0)
}

const begun = performance.now()
const steps = new Steps(false)
let interrupted = false
const interruption = new Promise<void>((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => {
      interrupted = true
      resolve()
    })
})

try {
  const embedded = await startNetwork({
    folder: values.folder,
    fresh: values.fresh,
    freePorts: values['free-ports'],
    onStep: (step, detail) => steps.begin(step, detail),
    onRestart: (daemon) =>
      !interrupted && say(`${paint('yellow', '!')} ${daemon} ended by itself and is started again; see ${values.folder}/logs/${daemon}.log`),
  })
  steps.done()
  summary(embedded, (performance.now() - begun) / 1000)
  embedded.keys.then(
    () =>
      !interrupted &&
      say(
        `${paint('green', '●')} The key service is ready after ${((performance.now() - begun) / 1000).toFixed(1)} s: secrets can be sealed (npx cloister keys).`,
      ),
    (error) => !interrupted && say(`${paint('yellow', '!')} No secrets can be sealed: ${messageOf(error)}`),
  )
  // Packing images has left hundreds of megabytes that a process which idles would not look for.
  embedded.keys
    .catch(() => {})
    .then(() => {
      setFlagsFromString('--expose-gc')
      runInNewContext('gc')()
    })
  await interruption
  say()
  steps.begin('stopping', 'workers settle, end their coverage and stop their containers')
  await embedded.stop()
  steps.done()
  say('Stopped. `npm start` takes it up again.')
  process.exit(0)
} catch (error) {
  steps.fail()
  showError(error, { json: false, verbose: values.verbose })
  process.exit(1)
}

function summary({ network, settings, engine, example }: EmbeddedNetwork, seconds: number): void {
  const { ports, folder } = settings
  say()
  say(
    `${paint('bold', 'The embedded network is up')} after ${seconds.toFixed(1)} s. Everything on it is for development: ${paint('yellow', 'attestation is simulated and money is play money')}.`,
  )
  say()
  say(
    table(
      ['endpoint', 'at', ''],
      [
        ['chain', network.rpcUrl, `anvil, chain id ${network.chainId}; Market ${network.contracts.market}`],
        ['index', network.indexerUrl, 'what happened so far; /openapi.json'],
        ['gateway', network.gatewayUrl, `leases at http://<lease>-<service>.localhost:${ports.gateway}`],
        ['collateral', network.attestation.collateralUrl, 'what Intel’s PCS says of real machines, about these'],
        ...WORKERS.map((worker, i) => [
          `worker ${worker.name}`,
          `https://127.0.0.1:${ports.workers[i]}`,
          `${worker.cpus} CPUs, ${worker.memory}, ${engine.engine}; ${worker.usdc.cpu} USDC for a CPU an hour; /openapi.json`,
        ]),
      ],
    ),
  )
  say()
  say(table(['account', 'address', 'is'], accounts(network)))
  say()
  const { status, routes } = example
  const price = network.tokens.find((token) => token.address === status.token)
  say(
    `${paint('green', '●')} examples/hello ${status.state}, ${formatAmount(pricePerHour(status.ratePerSecond), price?.decimals ?? 0)} ${status.symbol} an hour, paid for ${formatDuration(status.secondsLeft)} more:`,
  )
  for (const route of routes) for (const url of [route.loopbackUrl, route.namedUrl, route.url]) if (url) say(`    ${paint('cyan', url)}`)
  say()
  say('Now, in another terminal:')
  for (const line of [
    'npx cloister deploy examples/hello/compose.yaml --for 2h',
    'npx cloister verify LEASE',
    'npx cloister logs LEASE -f',
    'npx cloister close LEASE',
    'npx cloister stake pools',
  ])
    say(`    ${paint('bold', line)}`)
  say()
  say(paint('dim', `State is in ${folder}. Ctrl-C stops everything; \`npm start\` goes on from there; \`npm start -- --fresh\` begins anew.`))
}

function accounts(network: Network): string[][] {
  const address = (index: number) => developmentAccount(network, index).address
  return [
    ['dev0', address(DEVELOPMENT_ROLES.governance), 'governance and faucet'],
    ...DEVELOPMENT_ROLES.providers.map((index, i) => [
      `dev${index}`,
      address(index),
      `provider of ${WORKERS[i]?.name}, with ${WORKERS[i]?.stake} CLOI in its pool`,
    ]),
    ...DEVELOPMENT_ROLES.tenants.map((index, i) => [
      `dev${index}`,
      address(index),
      i === 0 ? 'tenant with 1000 USDC and 1000 CLOI; what cloister uses by default' : 'tenant with 1000 USDC and 1000 CLOI',
    ]),
    [`dev${DEVELOPMENT_ROLES.example}`, address(DEVELOPMENT_ROLES.example), 'tenant of examples/hello'],
    [`dev${DEVELOPMENT_ROLES.treasury}`, address(DEVELOPMENT_ROLES.treasury), 'treasury'],
  ]
}
