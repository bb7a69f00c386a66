/** Backing providers with CLOI, and what that earns. */
export {
  cancelExit,
  claimRewards,
  delegate,
  getClaimable,
  getPosition,
  redelegate,
  reportContradiction,
  reportOvercharge,
  reportRefusal,
  requestExit,
  withdrawExit,
} from '@cloister/chain'
export { auditStake as audit } from './audit.ts'
