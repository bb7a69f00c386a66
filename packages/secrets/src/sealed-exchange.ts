export { openQuestion, sealQuestion } from '#exchange'
export type { OpenedQuestion, SealedQuestion } from './exchange/pieces.ts'
