export { type LegacyKey, openKeystore, openPhrase } from './keys.ts'
