// The embedded network's chain as a layer 2: node layer2-main.ts FOLDER PORT LAYER1_URL
import { DEVELOPMENT_ROLES, developmentAccount } from '@cloister/development/accounts'
import {
  connectSide,
  depositsAfter,
  LAYER1_CHAIN_ID,
  layer2Genesis,
  portalOf,
} from '@cloister/development/op-stack'
import { takeDeposit } from './deposits.ts'
import { every } from './every.ts'
import { LAYER2 } from './kind.ts'
import { serveChain } from './serve.ts'

const LOOK_MS = 300
/** Number of the last block of layer 1 whose deposits are in the journal. */
const DERIVED = 'derived'

const [folder = '', port = '', layer1Url = ''] = process.argv.slice(2)
const { chainId } = LAYER2
await serveChain({
  name: 'chain',
  folder,
  port: Number(port),
  kind: { ...LAYER2, genesis: (time) => layer2Genesis(chainId, time) },
  beside: (chain, log) => {
    const layer1 = connectSide(layer1Url, LAYER1_CHAIN_ID, LOOK_MS)
    const development = { name: 'embedded', development: true }
    const portal = portalOf(developmentAccount(development, DEVELOPMENT_ROLES.faucet).address)
    // As a rollup node derives them. A deposit that the journal has is not taken again.
    return every(LOOK_MS, log, async () => {
      const after = BigInt(chain.journal.meta(DERIVED) ?? 0)
      const { deposits, upTo } = await depositsAfter(layer1, portal, after)
      for (const { hash, raw } of deposits) if (!chain.journal.knows(hash)) await takeDeposit(chain, raw)
      if (upTo > after) chain.journal.setMeta(DERIVED, String(upTo))
    })
  },
})
