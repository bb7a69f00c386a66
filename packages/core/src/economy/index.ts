export { Economy, poolAssetsOf } from './economy.ts'
export * from './schedule.ts'
