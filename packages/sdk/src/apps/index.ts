/** Which code may have an app's secrets, and sealing them to it. */
export {
  allowInApp as allow,
  appIdOf as idOf,
  forbidInApp as forbid,
  freezeApp as freeze,
  getApp as get,
  registerApp as register,
  setUpgradeDelay,
} from '@cloister/chain'
export { keyService, sealForApp as seal, seatConsent } from '../secrets/key-service.ts'
export { listApps as list } from './list.ts'
