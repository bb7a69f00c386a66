export { type Advancing, advanceTransfer } from './advance.ts'
export { ETHER, findAsset } from './assets.ts'
export { type Following, followTransfer, isOver, isWaiting } from './follow.ts'
export { recoverTransfer } from './recover.ts'
export { connectSides, type Sides } from './sides.ts'
export { type Starting, startDeposit, startWithdrawal } from './start.ts'
export { type TransferStatus, transferStatus } from './status.ts'
export {
  type Asset,
  parseTransfer,
  type Signed,
  Transfer,
  type TransferJournal,
  type Wanted,
  writeTransfer,
} from './transfer.ts'
