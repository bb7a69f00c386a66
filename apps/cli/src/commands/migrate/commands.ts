import type { Command } from 'commander'
import { command, later } from '../../command.ts'

const LEAVES = 'the snapshot’s leaves.json; default: the one here, or beside the network’s description'

export function addMigrate(program: Command): void {
  const migrate = program
    .command('migrate')
    .description('take tokens of the old Substrate chain (legacy) 1:1 as CLOI (new), with the key you have')
  command(
    migrate,
    'check <address>',
    'what a legacy account owned, what it gets, and whether that was claimed; or what a new address was paid',
    'cloister migrate check 5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY',
  )
    .option('--leaves <file>', LEAVES)
    .action(later(async () => (await import('./check.ts')).check))
  command(
    migrate,
    'claim [address]',
    'claim a legacy account’s tokens, or sign a claim that somebody else sends',
    'cloister migrate claim --keystore account.json --to 0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65',
  )
    .option('--to <address>', 'new address that the CLOI goes to; default: the account’s own')
    .option('--leaves <file>', LEAVES)
    .option('--keystore <file>', 'legacy account’s keystore (JSON), as its wallet exports it')
    .option('--phrase', 'ask for the legacy account’s seed phrase, or take it from CLOISTER_LEGACY_PHRASE')
    .option('--scheme <name>', 'of a seed phrase: sr25519, ed25519 or ecdsa; default: sr25519')
    .option('--signature <hex>', 'what a wallet gave for the text (Ledger, Polkadot.js, Talisman, …)')
    .option('--signer <address>', 'whose signature it is, of a multisig account')
    .option('--members <address...>', 'of a multisig account: all of its signatories')
    .option('--threshold <number>', 'of a multisig account: how many of them have to sign')
    .option('--file <file>', 'a claim that was begun, to add a signature to')
    .option('--save <file>', 'send nothing; write the claim to a file, which anybody can sign or send')
    .option('--send <file>', 'send a claim that somebody signed, and pay the gas for it')
    .action(later(async () => (await import('./claim.ts')).claim))
  command(
    migrate,
    'release <address>',
    'pay what of a claimed legacy account’s vesting tokens has become its own since',
    'cloister migrate release 5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY',
  )
    .option('--leaves <file>', LEAVES)
    .action(later(async () => (await import('./release.ts')).release))
  command(
    migrate,
    'snapshot',
    'count what everybody owned on the legacy chain after one block, and make the tree that is paid by',
    'cloister migrate snapshot --rpc wss://api.phala.network/ws --block 9064613 -o snapshot',
  )
    .option('--rpc <url>', 'an archive node of the legacy chain; it is not believed')
    .option('--block <block>', 'the block’s hash, or its number')
    .option('--state <file>', 'take the state from a file that a node exported, instead of a node')
    .option('--pure-proxies <file>', 'how pure proxies came to be: CSV of who,height,extrinsic,type,index')
    .requiredOption('-o, --output <folder>', 'where files go; a snapshot that was broken off is gone on with')
    .action(later(async () => (await import('./snapshot.ts')).snapshot))
}
