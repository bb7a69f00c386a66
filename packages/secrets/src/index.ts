export { appKeyPair, checkOf, PARTS, type Part, partsOf } from './app-keys.ts'
export {
  Envelope,
  MAX_SECRET_BYTES,
  openEnvelope,
  readEnvelope,
  type Secrets,
  sealSecrets,
} from './envelope.ts'
export { generateKeyPair, type KeyPair, open, publicKeyOf, seal } from './hpke.ts'
export { missingSecrets } from './missing.ts'
export { contextOfEnded, readerKeyPair } from './reading.ts'
export { type OpenedQuestion, openQuestion, type SealedQuestion, sealQuestion } from './sealed-exchange.ts'
