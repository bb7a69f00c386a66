import {
  connectWallet,
  DEVELOPMENT_ROLES,
  developmentAccount,
  fundDevelopmentAccount,
  getCredit,
  getTokenBalance,
  loadNetwork,
  withdrawCredit,
} from '@cloister/chain'
import { CloisterError, formatAmount } from '@cloister/core'
import { walletOf } from '@cloister/sdk'
import { facts, say, sayJson, table } from '@cloister/terminal'
import type { Command } from 'commander'
import { formatEther, type Hex } from 'viem'
import { generatePrivateKey } from 'viem/accounts'
import { askSecret } from '../ask.ts'
import { command, connect, findNetwork, type Globals } from '../context.ts'
import { listWallets, saveWallet, walletFolder } from '../wallets.ts'

export function addWallet(program: Command): void {
  const wallet = program.command('wallet').description('accounts to act as, in encrypted keystore files')
  command(wallet, 'create', 'make a new account', 'cloister wallet create --name alice')
    .option('--name <name>', 'its name here', 'main')
    .action((options: Globals & { name: string }) => save(options, generatePrivateKey()))
  command(
    wallet,
    'import',
    'take an account in by its private key (asked for, or in CLOISTER_PRIVATE_KEY)',
    'cloister wallet import --name alice',
  )
    .option('--name <name>', 'its name here', 'main')
    .action(async (options: Globals & { name: string }) => {
      const key = (await askSecret('Private key', 'CLOISTER_PRIVATE_KEY')).trim()
      const hex = key.startsWith('0x') ? key : `0x${key}`
      if (!/^0x[0-9a-fA-F]{64}$/.test(hex))
        throw new CloisterError('bad-key', 'That is not a private key: 64 hex digits are needed.')
      await save(options, hex as Hex)
    })
  command(wallet, 'list', 'the wallets there are', 'cloister wallet list').action((options: Globals) => {
    const wallets = listWallets()
    if (options.json) return sayJson(wallets)
    say(
      wallets.length === 0
        ? `No wallets in ${walletFolder()}. Make one: cloister wallet create`
        : table(
            ['name', 'address'],
            wallets.map(({ name, address }) => [name, address]),
          ),
    )
  })
  command(
    wallet,
    'balance',
    'what an account holds, and what it may withdraw from the market',
    'cloister wallet balance',
  ).action(showBalance)
  command(wallet, 'withdraw', 'take back refunds that wait in the market', 'cloister wallet withdraw').action(
    withdraw,
  )
  command(wallet, 'faucet', 'ether and tokens, on the development network', 'cloister wallet faucet').action(
    faucet,
  )
}

async function save(options: Globals & { name: string }, key: Hex): Promise<void> {
  const address = await saveWallet(options.name, key)
  if (options.json) return sayJson({ name: options.name, address })
  say(
    `The wallet ${options.name} is ${address}. Its key is encrypted in ${walletFolder()}; keep a copy of the file and the password.`,
  )
}

async function showBalance(options: Globals): Promise<void> {
  const cloister = connect(options)
  const { account } = walletOf(cloister)
  const { chain, network } = cloister
  const [ether, ...tokens] = await Promise.all([
    chain.client.getBalance({ address: account.address }),
    ...network.tokens.map((token) =>
      Promise.all([
        getTokenBalance(chain, token.address, account.address),
        getCredit(chain, account.address, token.address),
      ]),
    ),
  ])
  const balances = network.tokens.map((token, i) => ({
    symbol: token.symbol,
    token: token.address,
    balance: tokens[i]?.[0] ?? 0n,
    credit: tokens[i]?.[1] ?? 0n,
    decimals: token.decimals,
  }))
  if (options.json) return sayJson({ account: account.address, ether, balances })
  say(
    facts([
      ['account', account.address],
      ['ETH', formatEther(ether)],
      ...balances.map(({ symbol, balance, credit, decimals }): [string, string] => [
        symbol,
        `${formatAmount(balance, decimals)}${credit > 0n ? ` and ${formatAmount(credit, decimals)} to withdraw` : ''}`,
      ]),
    ]),
  )
}

async function withdraw(options: Globals): Promise<void> {
  const cloister = connect(options)
  const wallet = walletOf(cloister)
  const withdrawn: { symbol: string; amount: bigint; transaction: Hex }[] = []
  for (const { address, symbol } of cloister.network.tokens) {
    const amount = await getCredit(wallet, wallet.account.address, address)
    if (amount > 0n)
      withdrawn.push({
        symbol,
        amount,
        transaction: (await withdrawCredit(wallet, address, wallet.account.address)).transactionHash,
      })
  }
  if (options.json) return sayJson(withdrawn)
  if (withdrawn.length === 0) return say('There is nothing to withdraw.')
  for (const { symbol, amount } of withdrawn)
    say(
      `Withdrew ${formatAmount(amount, cloister.network.tokens.find((token) => token.symbol === symbol)?.decimals ?? 0)} ${symbol}.`,
    )
}

async function faucet(options: Globals): Promise<void> {
  const network = loadNetwork(findNetwork(options))
  const { account } = walletOf(connect(options))
  await fundDevelopmentAccount(
    connectWallet(network, developmentAccount(network, DEVELOPMENT_ROLES.governance)),
    account.address,
  )
  if (options.json) return sayJson({ account: account.address })
  say(`${account.address} has 10 ETH, 1000 USDC and 1000 CLOI more.`)
}
