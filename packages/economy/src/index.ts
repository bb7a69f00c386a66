export { type BookCheck, StakeBooks, type StakeEvent } from './books.ts'
export { GPU_CLASSES } from './classes.ts'
export * from './schedule.ts'
export { poolAssetsOf, poolLossOf, REWARD_PRECISION } from './shares.ts'
