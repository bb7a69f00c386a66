import type { Command } from 'commander'
import { command, later } from '../../command.ts'

const TO = 'who gets it on the other chain; default: the account itself'
const NO_WAIT = 'do what can be done now, and say what comes next, instead of waiting for the end'
const RESUME =
  'go on with one that was begun, by the hash of its first transaction, or with all that are known here'

export function addBridge(program: Command): void {
  const bridge = program
    .command('bridge')
    .description('bring ether and tokens between the network’s layer 2 and the layer 1 below it')
  command(
    bridge,
    'deposit [amount] [token]',
    'from layer 1 to layer 2: one transaction, and some minutes',
    'cloister bridge deposit 0.5 ETH',
  )
    .option('--to <address>', TO)
    .option('--no-wait', NO_WAIT)
    .option('--resume [transaction]', RESUME)
    .action(later(async () => (await import('./move.ts')).deposit))
  command(
    bridge,
    'withdraw [amount] [token]',
    'from layer 2 to layer 1: begins, waits for a proof, proves, waits again, and ends; hours at least',
    'cloister bridge withdraw 100 CLOI',
  )
    .option('--to <address>', TO)
    .option('--no-wait', NO_WAIT)
    .option('--resume [transaction]', RESUME)
    .action(later(async () => (await import('./move.ts')).withdraw))
  command(
    bridge,
    'status [transaction]',
    'where a deposit or withdrawal is, what comes next and when; all that are known here without one',
    'cloister bridge status',
  ).action(later(async () => (await import('./status.ts')).status))
}
