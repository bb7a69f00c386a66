import { numberToHex } from 'viem'
import { aliasOf } from './alias.ts'
import type { Settings } from './settings.ts'

/** As op-deployer's standard chains have them. */
const EIP1559 = { eip1559DenominatorCanyon: 250, eip1559Denominator: 50, eip1559Elasticity: 6 }
const BLOCK_SECONDS = 2

type Value = string | number | boolean

/**
 * op-deployer's description of the chain (TOML), in which the owner has every role that isn't a daemon's.
 * Source: ethereum-optimism/optimism, op-deployer/pkg/deployer/state/{intent,chain_intent}.go.
 */
export function intentOf(settings: Settings): string {
  const { layer1, layer2, owner, treasury, accounts, contracts } = settings
  const roles = contracts.opcm === undefined
  return [
    '# Written by `npm run layer2 -- write`. For op-deployer: put it into its working folder, then apply.',
    table(undefined, {
      configType: 'custom',
      l1ChainID: layer1.chainId,
      fundDevAccounts: false,
      useInterop: false,
      l1ContractsLocator: contracts.l1Locator,
      l2ContractsLocator: contracts.l2Locator,
      ...(contracts.opcm !== undefined && { opcmAddress: contracts.opcm }),
    }),
    // The guardian can stop withdrawals: nobody can, faster than people leave.
    ...(roles
      ? [table('[superchainRoles]', { superchainProxyAdminOwner: owner, superchainGuardian: owner })]
      : []),
    table('[[chains]]', {
      id: numberToHex(layer2.chainId, { size: 32 }),
      baseFeeVaultRecipient: treasury,
      l1FeeVaultRecipient: treasury,
      sequencerFeeVaultRecipient: treasury,
      ...EIP1559,
      gasLimit: layer2.gasLimit,
      operatorFeeScalar: layer2.operatorFee.scalar,
      operatorFeeConstant: layer2.operatorFee.constant,
      minBaseFee: layer2.minBaseFee,
    }),
    table('  [chains.roles]', {
      l1ProxyAdminOwner: owner,
      l2ProxyAdminOwner: aliasOf(owner),
      systemConfigOwner: owner,
      unsafeBlockSigner: accounts.sequencer,
      batcher: accounts.batcher,
      proposer: accounts.proposer,
      // Of op-deployer's own fault games, which aren't used; it takes no empty one.
      challenger: owner,
    }),
    table('  [chains.deployOverrides]', { l2BlockTime: BLOCK_SECONDS }),
  ]
    .join('\n\n')
    .concat('\n')
}

function table(header: string | undefined, values: Readonly<Record<string, Value>>): string {
  const lines = Object.entries(values).map(
    ([name, value]) => `${name} = ${typeof value === 'string' ? JSON.stringify(value) : value}`,
  )
  return [...(header === undefined ? [] : [header]), ...lines].join('\n')
}
