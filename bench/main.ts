// `npm run bench`: ours and the peer in the same run, with the ratio. `npm run bench -- gas deploy` runs
// some only.
import { cpus, totalmem } from 'node:os'
import { paint, say, showError } from '@cloister/terminal'
import { benchAttest } from './attest.ts'
import { benchClaims } from './claims/main.ts'
import { benchCli } from './cli.ts'
import { benchCompose } from './compose.ts'
import { benchDeploy } from './deploy.ts'
import { benchEmission } from './emission.ts'
import { benchGas } from './gas.ts'
import { benchGateway } from './gateway.ts'
import { benchGovernance } from './governance/main.ts'
import { benchVotes } from './governance/votes.ts'
import { benchIndexer } from './indexer/main.ts'
import { benchIndexerSize } from './indexer-size.ts'
import { benchInference } from './inference/main.ts'
import { benchLayer2 } from './layer2.ts'
import { benchMove } from './move.ts'
import { benchTransfer } from './transfer.ts'
import { benchTunnels } from './tunnels.ts'
import { benchVerifyPage } from './verify-page.ts'

const BENCHES = {
  gas: benchGas,
  governance: benchGovernance,
  votes: benchVotes,
  claims: benchClaims,
  layer2: benchLayer2,
  attest: benchAttest,
  'verify-page': benchVerifyPage,
  cli: benchCli,
  deploy: benchDeploy,
  compose: benchCompose,
  transfer: benchTransfer,
  gateway: benchGateway,
  inference: benchInference,
  tunnels: benchTunnels,
  move: benchMove,
  indexer: benchIndexer,
  'indexer-size': benchIndexerSize,
  emission: benchEmission,
}

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !(name in BENCHES))
if (unknown.length > 0) {
  say(`There is no benchmark ${unknown.join(', ')}. There are: ${Object.keys(BENCHES).join(', ')}.`)
  process.exit(1)
}
say(
  `${cpus()[0]?.model ?? 'an unknown processor'}, ${cpus().length} cores, ${Math.round(totalmem() / 1024 ** 3)} GiB, Node ${process.version}, ${new Date().toISOString().slice(0, 10)}`,
)
try {
  for (const [name, bench] of Object.entries(BENCHES)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue
    say(`\n${paint('bold', name)}`)
    await bench()
  }
  process.exit(0)
} catch (error) {
  showError(error, { json: false, verbose: true })
  process.exit(1)
}
