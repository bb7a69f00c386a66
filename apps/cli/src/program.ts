import './jitless.ts'
import { paint, showError } from '@cloister/terminal'
import { Command, CommanderError } from 'commander'
import { addCommands } from './commands/all.ts'
import { VERSION } from './version.mjs'

const program = new Command('cloister')
  .description(
    'Lease confidential compute by the second, or lend it. Every claim can be checked, and no approval is needed.',
  )
  .version(VERSION)
  .showHelpAfterError('(add --help for the options)')
addCommands(program)
program.addHelpText('after', '\nExample:\n  $ cloister deploy examples/hello/compose.yaml --for 2h')
exitByError(program)

const words = process.argv.slice(2)
const flags = words.includes('--') ? words.slice(0, words.indexOf('--')) : words
try {
  await program.parseAsync(process.argv)
} catch (error) {
  // Commander has said what was wrong with the words, or shown help.
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 1
  else {
    showError(error, { json: flags.includes('--json'), verbose: flags.includes('--verbose') })
    process.exitCode ||= 1
  }
}
// Kept connections would hold the process for a few seconds.
process.stdout.write('', () => process.exit())

function exitByError(command: Command): void {
  command.exitOverride().showSuggestionAfterError()
  command.configureOutput({
    outputError: (text, write) =>
      write(`${paint('red', '✘', process.stderr)} ${text.replace(/^error: /, '')}`),
  })
  for (const sub of command.commands) exitByError(sub)
}
