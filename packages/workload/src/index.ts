export { AgentSocket } from './agent.ts'
export { type JudgedWorker, judgeQuote, judgeWorker } from './judge.ts'
export type { Self, WorkerEvidence } from './wire.ts'
