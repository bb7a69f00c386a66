export {
  type BundleVerdict,
  EvidenceBundle,
  RunStatement,
  statementDigest,
  verifyBundle,
} from './bundle.ts'
export { isInPlace, type Place, verifyLabels, type Witness } from './place/labels.ts'
export { newWitnessKey, signLabel, type WitnessKey } from './place/sign.ts'
export { demand, failuresOf, type PolicyFacts } from './policy.ts'
