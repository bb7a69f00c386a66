export { type HubSettings, type RunningHub, startHub } from './server.ts'
