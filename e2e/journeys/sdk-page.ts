// What a stranger's page does with the SDK: bundled for browsers as it stands, and called by the test.
import { createCloister, IndexClient, leases, parseManifest, readNetwork, stake, verify } from '@cloister/sdk'
import type { Address, Hex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'

/** Reads what is public: workers, providers, leases, and what an account has staked with each provider. */
async function look(description: unknown, account: Address) {
  const network = readNetwork(description)
  const cloister = createCloister({ network })
  const index = new IndexClient(network.indexerUrl)
  const [workers, providers, own] = await Promise.all([
    index.workers({ covered: true }),
    index.providers(),
    index.leases({ tenant: account }),
  ])
  const positions = await Promise.all(
    providers.map(({ provider }) => stake.getPosition(cloister.chain, provider, account)),
  )
  return {
    network: network.name,
    workers: workers.length,
    providers: providers.length,
    leases: own.items.length,
    staked: positions.reduce((sum, { worth }) => sum + worth, 0n).toString(),
  }
}

/** From a Compose file to an address, to a verdict, and back to the money. */
async function walk(description: unknown, key: Hex, compose: string) {
  const network = readNetwork(description)
  const cloister = createCloister({ network, account: privateKeyToAccount(key) })
  const { manifest } = parseManifest(compose, { file: 'compose.yaml', env: {} })
  const steps: string[] = []
  const deployed = await leases.deploy(cloister, {
    manifest,
    pay: 'USDC',
    deposit: ({ bid }) => bid.ratePerSecond * 3600n,
    onStep: (step) => {
      if (steps.at(-1) !== step) steps.push(step)
    },
  })
  const { verdict, bundle } = await verify.check(cloister, deployed.lease)
  const logged: string[] = []
  const { asTenant } = await leases.openSession(cloister, deployed.lease)
  const lines = asTenant.logs(deployed.lease, { follow: true, signal: AbortSignal.timeout(10_000) })
  for await (const { text } of lines) {
    logged.push(text)
    // What follows a stream stops when it has seen enough.
    break
  }
  const running = await leases.status(cloister, deployed.lease)
  const { refund } = await leases.close(cloister, deployed.lease)
  return {
    steps,
    url: deployed.routes[0]?.loopbackUrl,
    lease: deployed.lease,
    genuine: verdict.genuine,
    simulated: verdict.simulated,
    sentence: verdict.sentence,
    names: bundle.lease?.id,
    logged,
    state: running.state,
    isRefunded: refund > 0n,
  }
}

Object.assign(globalThis, { look, walk })
