import type { Command } from 'commander'

/** Options every command has. */
export interface Globals {
  json?: boolean
  network?: string
  account?: string
  verbose?: boolean
  /** Taken by every command, also where nothing is asked, so that scripts need not know. */
  yes?: boolean
}

/** Adds the options every command has, and an example to its help. */
export function command(parent: Command, usage: string, summary: string, example: string): Command {
  return parent
    .command(usage)
    .description(summary)
    .option('--json', 'print JSON for programs')
    .option(
      '--network <file>',
      'the network to use (network.json); default: CLOISTER_NETWORK, or the embedded network',
    )
    .option(
      '--account <wallet>',
      'wallet to act as, or dev0 to dev9 on the development network; default: CLOISTER_ACCOUNT',
    )
    .option('--verbose', 'show where an error came from')
    .option('-y, --yes', 'never ask; go ahead')
    .addHelpText('after', `\nExample:\n  $ ${example}`)
}

/**
 * An action whose code is read once it is asked for: a command starts as quickly as what it needs itself,
 * however much there is of the others.
 */
export function later<Words extends unknown[]>(
  load: () => Promise<(...words: Words) => unknown>,
): (...words: Words) => Promise<void> {
  return async (...words) => {
    await (await load())(...words)
  }
}
