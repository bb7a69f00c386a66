export { GPU_CLASSES } from './classes.ts'
export { Economy, poolAssetsOf, poolLossOf, REWARD_PRECISION } from './economy.ts'
export * from './schedule.ts'
