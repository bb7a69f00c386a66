import type { Network } from '@cloister/chain'
import { formatAmount, formatDuration, pricePerHour } from '@cloister/core'
import { DEVELOPMENT_ROLES, developmentAccount } from '@cloister/development/accounts'
import { paint, say, table } from '@cloister/terminal'
import type { ServedModel } from './model.ts'
import type { RaisedNetwork } from './raise.ts'
import { WORKERS } from './workers.ts'

/** Says what is up, where, whose accounts there are, and what to type next. `seconds` is how long it took. */
export function summarize({ network, settings, engine, example }: RaisedNetwork, seconds: number): void {
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
        ...(network.layer1
          ? [
              [
                'layer 1',
                network.layer1.rpcUrl,
                `anvil, chain id ${network.layer1.chainId}; proofs are simulated`,
              ],
            ]
          : []),
        ['index', network.indexerUrl, 'what happened so far; /openapi.json'],
        ['gateway', network.gatewayUrl, `leases at http://<lease>-<service>.localhost:${ports.gateway}`],
        ...(network.hubUrl ? [['hub', network.hubUrl, 'takes votes: npx cloister vote list']] : []),
        [
          'endorsements',
          network.attestation.endorsementsUrl,
          'what Intel’s PCS says of real machines, about these',
        ],
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
  for (const route of routes)
    for (const url of [route.loopbackUrl, route.namedUrl, route.url])
      if (url) say(`    ${paint('cyan', url)}`)
  say()
  say('Now, in another terminal:')
  for (const line of [
    'npx cloister deploy examples/hello/compose.yaml --for 2h',
    'npx cloister verify LEASE',
    'npx cloister logs LEASE -f',
    'npx cloister close LEASE',
    'npx cloister stake pools',
    ...(network.layer1 ? ['npx cloister bridge deposit 1 ETH', 'npx cloister bridge withdraw 100 CLOI'] : []),
  ])
    say(`    ${paint('bold', line)}`)
  say()
  say(
    paint(
      'dim',
      `State is in ${folder}. Ctrl-C stops everything; \`npm start\` goes on from there; \`npm start -- --fresh\` begins anew.`,
    ),
  )
}

/** Says how to ask the model, with the official client of OpenAI, which this workspace has. */
export function showModel({ model, baseUrl, apiKey }: ServedModel, seconds: number): void {
  say()
  say(
    `${paint('green', '●')} A very small language model answers after ${seconds.toFixed(1)} s, at ${paint('cyan', baseUrl)}`,
  )
  say(`    API key ${paint('cyan', apiKey)}, which spends USDC of dev4’s purse. As ask.mjs in this folder:`)
  say()
  for (const line of linesToTry(model, baseUrl, apiKey)) say(`    ${paint('bold', line)}`)
  say()
}

/** A program that asks the model. */
function linesToTry(model: string, baseUrl: string, apiKey: string): string[] {
  return [
    "import OpenAI from 'openai'",
    'const client = new OpenAI({',
    `  baseURL: '${baseUrl}',`,
    `  apiKey: '${apiKey}',`,
    '})',
    "const messages = [{ role: 'user', content: 'What is the capital of Japan?' }]",
    `const answer = await client.chat.completions.create({ model: '${model}', messages })`,
    'console.log(answer.choices[0].message.content)',
  ]
}

function accounts(network: Network): string[][] {
  const address = (index: number) => developmentAccount(network, index).address
  return [
    ['dev0', address(DEVELOPMENT_ROLES.faucet), 'the faucet, with CLOI to lend and give away'],
    ...DEVELOPMENT_ROLES.providers.map((index, i) => [
      `dev${index}`,
      address(index),
      `provider of ${WORKERS[i]?.name}, with ${WORKERS[i]?.stake} CLOI in its pool`,
    ]),
    ...DEVELOPMENT_ROLES.tenants.map((index, i) => [
      `dev${index}`,
      address(index),
      i === 0
        ? 'tenant with 1000 USDC and 1000 CLOI; what cloister uses by default'
        : 'tenant with 1000 USDC and 1000 CLOI',
    ]),
    [`dev${DEVELOPMENT_ROLES.example}`, address(DEVELOPMENT_ROLES.example), 'tenant of examples/hello'],
  ]
}
