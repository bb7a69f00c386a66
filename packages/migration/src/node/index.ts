export { type ReadingProgress, readChain } from './read-chain.ts'
export { readExport } from './read-export.ts'
export { StateFile } from './state-file.ts'
