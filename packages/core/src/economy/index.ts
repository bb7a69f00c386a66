export { Economy } from './economy.ts'
export * from './schedule.ts'
