export { GPU_CLASSES } from './classes.ts'
export { Economy, poolAssetsOf } from './economy.ts'
export * from './schedule.ts'
