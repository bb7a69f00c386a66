import type { Command } from 'commander'
import { command, later } from '../../command.ts'

export function addWallet(program: Command): void {
  const wallet = program.command('wallet').description('accounts to act as, in encrypted keystore files')
  command(wallet, 'create', 'make a new account', 'cloister wallet create --name alice')
    .option('--name <name>', 'its name here', 'main')
    .action(later(async () => (await import('./create.ts')).createWallet))
  command(
    wallet,
    'import',
    'take an account in by its private key (asked for, or in CLOISTER_PRIVATE_KEY)',
    'cloister wallet import --name alice',
  )
    .option('--name <name>', 'its name here', 'main')
    .action(later(async () => (await import('./import.ts')).importWallet))
  command(wallet, 'list', 'the wallets there are', 'cloister wallet list').action(
    later(async () => (await import('./list.ts')).showWallets),
  )
  command(
    wallet,
    'balance',
    'what an account holds, and what it may withdraw from the market',
    'cloister wallet balance',
  ).action(later(async () => (await import('./balance.ts')).showBalance))
  command(wallet, 'withdraw', 'take back refunds that wait in the market', 'cloister wallet withdraw').action(
    later(async () => (await import('./withdraw.ts')).withdraw),
  )
  command(wallet, 'faucet', 'ether and tokens, on the development network', 'cloister wallet faucet').action(
    later(async () => (await import('./faucet.ts')).faucet),
  )
}
