export { type AnswerSealer, openQuestionAtOnce, RecipientKey } from './exchange/node.ts'
