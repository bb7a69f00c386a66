/** Errors without anything else of core, for what has to start fast. */
export { ERRORS, type ErrorCode, type ErrorFamily, isErrorCode } from './catalogue.ts'
export { CloisterError, type CloisterErrorOptions, findCause, messageOf } from './error.ts'
export { ADVICE, type Advice, type AdviceName, type Hint, sentenceOf } from './hint.ts'
