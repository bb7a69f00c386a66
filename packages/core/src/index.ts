export { fromBase64, fromBase64Url, textOf, toBase64, toBase64Url, utf8 } from './bytes.ts'
export { ERRORS, type ErrorCode, type ErrorFamily, isErrorCode } from './errors/catalogue.ts'
export { CloisterError, type CloisterErrorOptions, findCause, messageOf } from './errors/error.ts'
export { ADVICE, type Advice, type AdviceName, type Hint, sentenceOf } from './errors/hint.ts'
export { checkRequest, fromProblem, Problem, problemResponse, toProblem } from './errors/problem.ts'
export { INTERNAL_NETWORKS, isInternalAddress } from './internal-addresses.ts'
export { parseIp } from './ip-address.ts'
export { MAX_BESIDE_BYTES } from './manifest/beside.ts'
export {
  canonicalHash,
  checkManifest,
  hashManifest,
  MAX_MANIFEST_BYTES,
  readManifest,
  toCanonicalJson,
} from './manifest/canonical.ts'
export { CLUSTER_ATTRIBUTE } from './manifest/cluster.ts'
export { diskOnly } from './manifest/disk-only.ts'
export {
  claimNameOf,
  type DomainClaim,
  isClaimedFor,
  readDomainClaims,
  writeDomainClaim,
} from './manifest/domain-claim.ts'
export {
  DOMAINS_ATTRIBUTE,
  domainFor,
  domainsOf,
  isDomain,
  isOfDomain,
  type ManifestDomain,
} from './manifest/domains.ts'
export { parseDotenv } from './manifest/dotenv.ts'
export { gpuMismatch, impossibleGpus, parseGpuKinds } from './manifest/gpu.ts'
export { type HealthCheck, healthCheckOf } from './manifest/health.ts'
export { type ImageReference, parseImageReference, registryHostOf } from './manifest/image-reference.ts'
export { AGENT_SOCKET, type Manifest } from './manifest/manifest.ts'
export { type ParsedManifest, parseManifest } from './manifest/parse.ts'
export type { Beside, Build, Granted, ImagePlace, ParseOptions, Wish } from './manifest/parse-options.ts'
export { startPatienceMs } from './manifest/patience.ts'
export { CONTAINER_PATH, SECRET_NAME_PATTERN } from './manifest/patterns.ts'
export { CAPABILITIES, type Capability, DEFAULT_CAPABILITIES, isOwnSysctl } from './manifest/privileges.ts'
export type { RegistryLogin } from './manifest/registry-login.ts'
export { resizeManifest, type SizeChange } from './manifest/resize.ts'
export { fits, type Resources, resourcesOf } from './manifest/resources.ts'
export { nextStart } from './manifest/schedule.ts'
export {
  DIGEST_PATTERN,
  SENT_HOST,
  SentBlob,
  type SentContent,
  sentDigest,
  sentReference,
} from './manifest/sent.ts'
export { type SentParts, sentParts } from './manifest/sent-parts.ts'
export {
  type Exposure,
  type Gpu,
  type Health,
  type HttpOptions,
  MAX_RETRIES,
  type Service,
} from './manifest/service.ts'
export { ManifestError, type ManifestWarning } from './manifest/source.ts'
export * from './market/index.ts'
export { Memo } from './memo.ts'
export * from './money.ts'
export { NETWORK_IPV4, type NetworkAddresses, networkAddresses, networkPrefix } from './network/addresses.ts'
export { type NamedMember, networkHosts } from './network/hosts.ts'
export { NETWORK_NAME_PATTERN, NETWORK_NAME_RULE } from './network/name.ts'
export { type ConfirmedGpus, defaultPolicy, Policy, parsePolicy } from './policy.ts'
export { address, bytes32, decimal, hexBytes } from './shapes.ts'
export { type DomainKeys, domainKeysDigest } from './signed/domain-keys.ts'
export * from './signed/index.ts'
export { loop } from './time/loop.ts'
export { GrowingPause, type Growth, pause } from './time/pause.ts'
export * from './units.ts'
export * from './wire/apps-api.ts'
export * from './wire/collectors.ts'
export * from './wire/dns-access.ts'
export * from './wire/domains.ts'
export * from './wire/governance-api.ts'
export * from './wire/index-api.ts'
export * from './wire/inference-api.ts'
export * from './wire/inventory.ts'
export * from './wire/network.ts'
export * from './wire/sealed.ts'
export * from './wire/sent.ts'
export * from './wire/stake-api.ts'
export * from './wire/verdict.ts'
export * from './wire/volume-frames.ts'
export * from './wire/volumes.ts'
export * from './wire/worker.ts'
