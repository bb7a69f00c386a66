export { AgentSocket, type Self } from './agent.ts'
export { type JudgedWorker, judgeWorker } from './judge.ts'
