export { GPU_CLASSES } from './classes.ts'
export { poolAssetsOf, poolLossOf, REWARD_PRECISION } from './model.ts'
export * from './schedule.ts'
