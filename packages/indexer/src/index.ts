export { type IndexerSettings, startIndexer } from './indexer.ts'
