import {
  ADMISSION_ABI,
  APPS_ABI,
  BALLOTS_ABI,
  CLAIMS_ABI,
  COUNCIL_ABI,
  EMISSION_ABI,
  GRANTS_ABI,
  KEY_SERVICE_ABI,
  MARKET_ABI,
  PLATFORMS_ABI,
  POWER_ABI,
  RECEIPTS_ABI,
  RECEIVERS_ABI,
  REVOCATION_FUND_ABI,
  SIGNATURES_ABI,
  SLASHING_ABI,
  SPLITTER_ABI,
  STAKE_ABI,
  TOKEN_ABI,
  TRACKS_ABI,
  VOUCHERS_ABI,
  WORKERS_ABI,
} from '@cloister/chain'
import type { Abi, Hex } from 'viem'
import {
  ADMISSION_BYTECODE,
  APPS_BYTECODE,
  BALLOTS_BYTECODE,
  CLAIMS_BYTECODE,
  COUNCIL_BYTECODE,
  EMISSION_BYTECODE,
  GRANTS_BYTECODE,
  KEY_SERVICE_BYTECODE,
  MARKET_BYTECODE,
  PLATFORMS_BYTECODE,
  POWER_BYTECODE,
  RECEIPTS_BYTECODE,
  RECEIVERS_BYTECODE,
  REVOCATION_FUND_BYTECODE,
  SIGNATURES_BYTECODE,
  SLASHING_BYTECODE,
  SPLITTER_BYTECODE,
  STAKE_BYTECODE,
  TOKEN_BYTECODE,
  TRACKS_BYTECODE,
  VOUCHERS_BYTECODE,
  WORKERS_BYTECODE,
} from './generated/bytecode.ts'
import {
  SAFE_L2_ABI,
  SAFE_L2_BYTECODE,
  SAFE_MODULES_ABI,
  SAFE_MODULES_BYTECODE,
  SAFE_PROXY_FACTORY_ABI,
  SAFE_PROXY_FACTORY_BYTECODE,
} from './generated/safe.ts'

/** A compiled contract. */
export interface Artifact {
  abi: Abi
  bytecode: Hex
}

/** Compiled contracts by their names in Solidity. */
export type Artifacts = Readonly<Record<string, Artifact>>

export const ARTIFACTS: Artifacts = {
  Admission: { abi: ADMISSION_ABI, bytecode: ADMISSION_BYTECODE },
  Apps: { abi: APPS_ABI, bytecode: APPS_BYTECODE },
  Ballots: { abi: BALLOTS_ABI, bytecode: BALLOTS_BYTECODE },
  Claims: { abi: CLAIMS_ABI, bytecode: CLAIMS_BYTECODE },
  Council: { abi: COUNCIL_ABI, bytecode: COUNCIL_BYTECODE },
  Emission: { abi: EMISSION_ABI, bytecode: EMISSION_BYTECODE },
  Grants: { abi: GRANTS_ABI, bytecode: GRANTS_BYTECODE },
  KeyService: { abi: KEY_SERVICE_ABI, bytecode: KEY_SERVICE_BYTECODE },
  Market: { abi: MARKET_ABI, bytecode: MARKET_BYTECODE },
  Platforms: { abi: PLATFORMS_ABI, bytecode: PLATFORMS_BYTECODE },
  Power: { abi: POWER_ABI, bytecode: POWER_BYTECODE },
  Receipts: { abi: RECEIPTS_ABI, bytecode: RECEIPTS_BYTECODE },
  Receivers: { abi: RECEIVERS_ABI, bytecode: RECEIVERS_BYTECODE },
  RevocationFund: { abi: REVOCATION_FUND_ABI, bytecode: REVOCATION_FUND_BYTECODE },
  SafeL2: { abi: SAFE_L2_ABI, bytecode: SAFE_L2_BYTECODE },
  SafeModules: { abi: SAFE_MODULES_ABI, bytecode: SAFE_MODULES_BYTECODE },
  SafeProxyFactory: { abi: SAFE_PROXY_FACTORY_ABI, bytecode: SAFE_PROXY_FACTORY_BYTECODE },
  Signatures: { abi: SIGNATURES_ABI, bytecode: SIGNATURES_BYTECODE },
  Slashing: { abi: SLASHING_ABI, bytecode: SLASHING_BYTECODE },
  Splitter: { abi: SPLITTER_ABI, bytecode: SPLITTER_BYTECODE },
  Stake: { abi: STAKE_ABI, bytecode: STAKE_BYTECODE },
  Token: { abi: TOKEN_ABI, bytecode: TOKEN_BYTECODE },
  Tracks: { abi: TRACKS_ABI, bytecode: TRACKS_BYTECODE },
  Vouchers: { abi: VOUCHERS_ABI, bytecode: VOUCHERS_BYTECODE },
  Workers: { abi: WORKERS_ABI, bytecode: WORKERS_BYTECODE },
}
