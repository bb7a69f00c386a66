import { connectWallet, send } from '@cloister/chain'
import { type Address, encodeFunctionData, erc20Abi, keccak256, parseAbi, stringToBytes } from 'viem'
import type { PrivateKeyAccount } from 'viem/accounts'
import type { Compiled } from '../peers/compile.ts'
import { BATCHES, type Steps } from './ours.ts'
import { deploy, type Stage } from './voters.ts'

const CLOI = 10n ** 18n
const DAY = 86_400
const FOR = 1
const TIMELOCK_ROLES = parseAbi([
  'function PROPOSER_ROLE() view returns (bytes32)',
  'function grantRole(bytes32 role, address account)',
])
const BALLOT = [
  { name: 'proposalId', type: 'uint256' },
  { name: 'support', type: 'uint8' },
  { name: 'voter', type: 'address' },
  { name: 'nonce', type: 'uint256' },
] as const
const PROPOSER = 7

/**
 * The same ballot on OpenZeppelin's Governor, with its timelock as the treasury and the same token: votes by
 * signature, several in one transaction through its `Multicall`.
 */
export async function runGovernor(
  stage: Stage,
  peers: (name: string) => Compiled,
  voters: readonly PrivateKeyAccount[],
  payment: { to: Address; amount: bigint },
): Promise<Steps> {
  const { chain, gasOf, pass, token } = stage
  const deployer = chain.wallet(0)
  const poster = chain.wallet(9)
  const timelock = await deploy(deployer, peers('PeerTimelock'), [BigInt(2 * DAY)])
  const { abi, bytecode } = peers('PeerGovernor')
  const governor = await deploy(deployer, { abi, bytecode }, [token, timelock, 0, 5 * DAY, 1_000n * CLOI])
  const roles = { address: timelock, abi: TIMELOCK_ROLES } as const
  const role = await deployer.client.readContract({ ...roles, functionName: 'PROPOSER_ROLE' })
  await send(deployer, { ...roles, functionName: 'grantRole', args: [role, governor] })
  const erc20 = { address: token, abi: erc20Abi } as const
  await send(deployer, { ...erc20, functionName: 'transfer', args: [timelock, 2n * payment.amount] })

  const data = encodeFunctionData({
    abi: erc20Abi,
    functionName: 'transfer',
    args: [payment.to, payment.amount],
  })
  const description = JSON.stringify({ title: 'Pay the audit', body: '', choices: [] })
  const act = [[token], [0n], [data]] as const
  const hash = keccak256(stringToBytes(description))
  const read = (functionName: string, args: readonly unknown[]) =>
    deployer.client.readContract({ address: governor, abi, functionName, args })
  const call = async (wallet: typeof poster, functionName: string, args: readonly unknown[]) =>
    gasOf((await send(wallet, { address: governor, abi, functionName, args })).transactionHash)

  const propose = await call(chain.wallet(PROPOSER), 'propose', [...act, description])
  const id = (await read('hashProposal', [...act, hash])) as bigint
  await pass(60)

  const [, name, version, chainId, verifyingContract] = (await read('eip712Domain', [])) as [
    string,
    string,
    string,
    bigint,
    Address,
  ]
  const domain = { name, version, chainId: Number(chainId), verifyingContract }
  const signed = async (voter: PrivateKeyAccount) =>
    encodeFunctionData({
      abi,
      functionName: 'castVoteBySig',
      args: [
        id,
        FOR,
        voter.address,
        await voter.signTypedData({
          domain,
          types: { Ballot: BALLOT },
          primaryType: 'Ballot',
          message: { proposalId: id, support: FOR, voter: voter.address, nonce: 0n },
        }),
      ],
    })
  const post = async (some: readonly PrivateKeyAccount[]) =>
    (await call(poster, 'multicall', [await Promise.all(some.map(signed))])) / BigInt(some.length)
  let next = 0
  const take = (count: number) => voters.slice(next, (next += count))
  await post(take(1))
  const batches = new Map<number, bigint>()
  for (const size of BATCHES) batches.set(size, await post(take(size)))
  const last = connectWallet(chain.network, take(1)[0] as PrivateKeyAccount)
  const transaction = await call(last, 'castVote', [id, FOR])

  await pass(6 * DAY)
  const queue = await call(poster, 'queue', [...act, hash])
  await pass(3 * DAY)
  const execute = await call(poster, 'execute', [...act, hash])
  return { propose, batches, transaction, queue, execute }
}
