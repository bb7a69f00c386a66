import { type Address, type PublicClient, parseAbi } from 'viem'
import { aliasOf } from '../alias.ts'
import type { Settings } from '../settings.ts'
import { equal, type Fact, within } from './facts.ts'

/** Where OP Stack chains have their predeploys. Source: OP Stack specifications, "Predeploys". */
const PROXY_ADMIN: Address = '0x4200000000000000000000000000000000000018'
const GAS_PRICE_ORACLE: Address = '0x420000000000000000000000000000000000000F'
const L1_BLOCK: Address = '0x4200000000000000000000000000000000000015'
const VAULTS: Readonly<Record<string, Address>> = {
  SequencerFeeVault: '0x4200000000000000000000000000000000000011',
  BaseFeeVault: '0x4200000000000000000000000000000000000019',
  L1FeeVault: '0x420000000000000000000000000000000000001A',
}
/** Checks signatures of P-256, without which no quote is checked. Source: RIP-7212. */
const P256: Address = '0x0000000000000000000000000000000000000100'
/** A hash, its signature and the key: made once. */
const SIGNED =
  '0x69a8c6c42a121ce2042f3c69192ba2bf127def7c6d6094920db6fe74edd5abfc886d7d7a7a96c6a1282a9ae5a1bc0738433b01ca4c5e7c4a2debf121b9b6de85e7407e0a9ca055e9cb47dbfc027862b35321d28d7207190f633c02767199fb50158787a13e536f6283ec93c06dcc55721515ae1dd133cc24a088a43504d9f03d17e20f380f32d8885358f3eea572de4c312a74334f507ff59a49fa5dbb5d4ac7'
const STALE_SECONDS = 60
/** A sequencer that lost layer 1 stops within this of it. */
const DRIFT_SECONDS = 1_800

const ABI = parseAbi([
  'function owner() view returns (address)',
  'function isJovian() view returns (bool)',
  'function RECIPIENT() view returns (address)',
  'function timestamp() view returns (uint64)',
])

/** What has to hold on layer 2. */
export function layer2Facts(client: PublicClient, { owner, treasury, layer2 }: Settings): Fact[] {
  const view = (address: Address, functionName: 'owner' | 'isJovian' | 'RECIPIENT' | 'timestamp') => () =>
    client.readContract({ address, abi: ABI, functionName })
  const sinceBlock = async () => BigInt(Math.floor(Date.now() / 1000)) - (await client.getBlock()).timestamp
  return [
    equal('chain id of layer 2', layer2.chainId, () => client.getChainId()),
    equal('who can replace predeploys', aliasOf(owner), view(PROXY_ADMIN, 'owner')),
    equal('gasPriceOracle.isJovian', true, view(GAS_PRICE_ORACLE, 'isJovian')),
    ...Object.entries(VAULTS).map(([name, vault]) =>
      equal(`${name}.RECIPIENT`, treasury, view(vault, 'RECIPIENT')),
    ),
    equal('P-256 at 0x100', `0x${'1'.padStart(64, '0')}`, async () => {
      const { data } = await client.call({ to: P256, data: SIGNED })
      return data
    }),
    within('seconds since the newest block', { most: STALE_SECONDS, unit: ' s' }, sinceBlock),
    within(
      'seconds that its view of layer 1 is behind',
      { most: DRIFT_SECONDS, unit: ' s' },
      async () => (await client.getBlock()).timestamp - ((await view(L1_BLOCK, 'timestamp')()) as bigint),
    ),
  ]
}
