export { showError } from './error.ts'
export { note, paint, printable, say, sayExactly, sayJson, shownOn } from './print.ts'
export { Steps } from './steps.ts'
export { bar, facts, table } from './table.ts'
