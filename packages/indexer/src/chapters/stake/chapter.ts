import type { Chapter } from '../../engine/chapter.ts'
import { EMISSION, SLASHING, STAKE } from './contracts.ts'
import { POOL, stakeEntities, stakeHandlers, stakeLogs } from './fold.ts'
import { listDelegations } from './routes/delegations.ts'
import { listEpochs } from './routes/epochs.ts'
import { listExits } from './routes/exits.ts'
import { onePool } from './routes/pool.ts'
import { listPools } from './routes/pools.ts'
import { listRewards } from './routes/rewards.ts'
import { listSlashes } from './routes/slashes.ts'

/** Pools and what is in them, what they earn and what is taken from them. */
export const STAKE_CHAPTER: Chapter = {
  name: 'stake',
  version: 1,
  contracts: [STAKE, EMISSION, SLASHING],
  subjects: [POOL],
  entities: stakeEntities,
  logs: stakeLogs,
  handlers: stakeHandlers,
  routes: [listPools, onePool, listDelegations, listExits, listEpochs, listRewards, listSlashes],
}
