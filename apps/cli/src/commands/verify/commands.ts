import type { Command } from 'commander'
import { command, later } from '../../command.ts'
import { withManifestOptions } from '../../options.ts'

export function addVerify(program: Command): void {
  command(
    program,
    'verify [subject]',
    'check the machine, the guest and the app of a lease, URL or worker, or any file of evidence; takes nobody at their word',
    'cloister verify my-app\n  $ cloister verify ./quote.bin --report-data 0x1234',
  )
    .addHelpText(
      'after',
      `
A file is named by a path with a slash or a dot in it, or - for standard input. It may be a bundle of \`cloister evidence\`, a raw,
hexadecimal or base64 quote, dstack's getQuote answer or attestation, an SEV-SNP report with or without certificates, a Nitro (COSE)
document, an RA-TLS certificate, or the attestation report of a private inference service.`,
    )
    .option(
      '--offline <file>',
      'check a file and ask nobody anything; a bundle at the instant it was recorded',
    )
    .option('--report-data <hex>', 'for files: the report data that the quote must hold')
    .option('--nonce <hex>', 'for files: the number that you asked with')
    .option('--compose <file>', 'for files: the app-compose.json of a dstack app')
    .option(
      '--endorsements <file>',
      'for files: the vendor’s certificates and lists, where they are not to be fetched',
    )
    .option('--at <time>', 'for files: the instant to judge at; default: now')
    .option(
      '--policy <policy>',
      'what the verdict has to meet besides, such as root=intel,tcb=UpToDate,place=aws/eu-central-1,age=1h',
    )
    .action(later(async () => (await import('./verify.ts')).runVerify))
  withManifestOptions(
    command(
      program,
      'evidence <subject>',
      'everything that is needed to check a lease or worker later, as a file for auditors',
      'cloister evidence my-app -o bundle.json',
    )
      .option('-o, --output <file>', 'where to write it; default: standard output')
      .option(
        '--manifest <file>',
        'give the Compose or SDL file away with it, so that auditors see what the hash stands for',
      ),
  ).action(later(async () => (await import('./evidence.ts')).runEvidence))
}
