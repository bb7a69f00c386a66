import { parseAbi } from 'viem'

/** Of the bridges on either chain (specs/protocol/bridges.md). */
export const BRIDGE_ABI = parseAbi([
  'function bridgeERC20To(address localToken, address remoteToken, address to, uint256 amount, uint32 minGasLimit, bytes extraData)',
  'event ERC20BridgeInitiated(address indexed localToken, address indexed remoteToken, address indexed from, address to, uint256 amount, bytes extraData)',
])
/** Of the messengers on either chain (specs/protocol/messengers.md). */
export const MESSENGER_ABI = parseAbi([
  'event RelayedMessage(bytes32 indexed msgHash)',
  'event FailedRelayedMessage(bytes32 indexed msgHash)',
])
/** Of tokens that a bridge creates and destroys, and of what makes them. */
export const MINTABLE_ABI = parseAbi([
  'function supportsInterface(bytes4 id) view returns (bool)',
  'function bridge() view returns (address)',
  'function symbol() view returns (string)',
  'function decimals() view returns (uint8)',
  'event OptimismMintableERC20Created(address indexed localToken, address indexed remoteToken, address deployer)',
])
/** Of the portal from version 3 on, and of the games that it asks. */
export const PORTAL_ABI = parseAbi([
  'function numProofSubmitters(bytes32 withdrawalHash) view returns (uint256)',
  'function proofSubmitters(bytes32 withdrawalHash, uint256 index) view returns (address)',
  'function provenWithdrawals(bytes32 withdrawalHash, address submitter) view returns (address game, uint64 timestamp)',
  'function finalizedWithdrawals(bytes32 withdrawalHash) view returns (bool)',
  'function checkWithdrawal(bytes32 withdrawalHash, address submitter) view',
  'function proofMaturityDelaySeconds() view returns (uint256)',
  'function disputeGameFinalityDelaySeconds() view returns (uint256)',
  'event TransactionDeposited(address indexed from, address indexed to, uint256 indexed version, bytes opaqueData)',
  'event WithdrawalFinalized(bytes32 indexed withdrawalHash, bool success)',
])
export const GAME_ABI = parseAbi([
  'function createdAt() view returns (uint64)',
  'function resolvedAt() view returns (uint64)',
])
/** ERC-165 id of tokens that a bridge creates (IOptimismMintableERC20). */
export const MINTABLE_ID = '0xec4fc8e3'
