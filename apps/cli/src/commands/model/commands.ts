import type { Command } from 'commander'
import { command, later } from '../../command.ts'
import { withBidOptions } from '../leases/options.ts'
import { withAskOptions } from './options.ts'

const TOKEN_OPTION = ['--token <token>', 'the token, such as USDC', 'USDC'] as const

export function addModel(program: Command): void {
  const model = program
    .command('model')
    .description('models on attested machines: asking in confidence, paying by the token, offering one')
  command(
    model,
    'list',
    'the models that are offered, and what the cheapest costs',
    'cloister model list',
  ).action(later(async () => (await import('./list.ts')).showModels))
  command(
    model,
    'prices [model]',
    'who offers a model, and for how much, the cheapest first',
    'cloister model prices tiny',
  ).action(later(async () => (await import('./prices.ts')).showPrices))
  withAskOptions(
    command(
      model,
      'chat [model]',
      'talk with a model: sealed to an attested worker, with the receipt of each answer',
      'cloister model chat tiny --prompt "The capital of France?"',
    )
      .option('--prompt <text>', 'ask this and end; default: line by line')
      .option('--system <text>', 'what the model is told beforehand'),
  ).action(later(async () => (await import('./chat.ts')).runChat))
  addDeploy(model)
  addApply(model)
  command(model, 'fund <amount>', 'put money into the purse that API keys spend', 'cloister model fund 10')
    .option(...TOKEN_OPTION)
    .action(later(async () => (await import('./purse.ts')).fundPurse))
  command(model, 'purse', 'what is in the purse', 'cloister model purse')
    .option(...TOKEN_OPTION)
    .action(later(async () => (await import('./purse.ts')).showPurse))
  command(
    model,
    'withdraw <amount>',
    'take money back out of the purse: announced first, and taken 15 minutes later',
    'cloister model withdraw 10',
  )
    .option(...TOKEN_OPTION)
    .action(later(async () => (await import('./purse.ts')).withdrawPurse))
  addKeys(model)
}

function addDeploy(model: Command): void {
  withBidOptions(
    command(
      model,
      'deploy <file>',
      'lease a worker that serves a model, and offer it on chain',
      'cloister model deploy model.json --input 0.10 --output 0.40 --for 24h',
    ),
  )
    .option('--input <amount>', 'price of a million tokens of prompt, in whole tokens of --token')
    .option('--cached <amount>', 'price of those that the engine had in its cache; default: as --input')
    .option('--output <amount>', 'price of a million tokens of answer')
    .option(...TOKEN_OPTION)
    .option('--payee <address>', 'who is paid; default: the account')
    .option('--free', 'offer it for nothing')
    .option('--private', 'offer it to nobody: who has the key that is printed may ask')
    .option('--deposit <amount>', 'money for the lease, in whole tokens')
    .option('--for <time>', 'put in as much as lasts this long, such as 2h or 7d (default 24h)')
    .option('--name <name>', 'a name for the lease')
    .option('--keep', 'leave the lease open if its containers do not start')
    .action(later(async () => (await import('./deploy.ts')).deployModel))
}

function addApply(model: Command): void {
  command(
    model,
    'apply <file>',
    'have the models that you serve be what a file says: leases, options, prices, money',
    'cloister model apply models.yaml --watch',
  )
    .option('--dry-run', 'show what would be done, and do nothing')
    .option('--prune', 'close leases of models that the file doesn’t name, too')
    .option('--watch', 'keep it so until this is ended; the file is read anew each time')
    .option('--every <time>', 'with --watch: look so often', '1m')
    .action(later(async () => (await import('./apply.ts')).applyModels))
}

function addKeys(model: Command): void {
  const key = model.command('key').description('API keys: session keys with a cap, which spend the purse')
  command(
    key,
    'create',
    'make one; its text is shown once',
    'cloister model key create --cap 5 --for 30d -o key.txt',
  )
    .requiredOption('--cap <amount>', 'what it may spend, in whole tokens')
    .option('--for <time>', 'how long it counts', '30d')
    .option(...TOKEN_OPTION)
    .option('-o, --output <file>', 'write the key to a new file that only you can read')
    .action(later(async () => (await import('./keys.ts')).createKey))
  command(key, 'list', 'your keys, and what they may still spend', 'cloister model key list').action(
    later(async () => (await import('./keys.ts')).showKeys),
  )
  command(
    key,
    'revoke <key>',
    'have one spend nothing more, by its address or its text',
    'cloister model key revoke 0x15d3…6A65',
  ).action(later(async () => (await import('./keys.ts')).revokeKey))
}

export function addProxy(program: Command): void {
  withAskOptions(
    command(
      program,
      'proxy',
      'OpenAI’s and Anthropic’s interface on loopback: any tool is private by changing one address',
      'cloister proxy --model tiny',
    )
      .option('--port <port>', 'where on 127.0.0.1; 0 takes a free one', '8790')
      .option(
        '--model <model>',
        'verify an endpoint of this model now, and ask no other; default: the one each request names',
      ),
  ).action(later(async () => (await import('./proxy.ts')).runProxy))
}

export function addReceipt(program: Command): void {
  const receipt = program
    .command('receipt')
    .description('receipts of answers: which model, on which machine, saw what and said what')
  command(
    receipt,
    'verify <subject>',
    'what a receipt proves, by the chain alone: by its id, or a file',
    'cloister receipt verify receipt.json --response answer.json',
  )
    .option('--request <file>', 'the request’s body, to prove what was asked')
    .option('--response <file>', 'the answer’s body, to prove what was said')
    .action(later(async () => (await import('./receipts.ts')).verifyReceipt))
  command(
    receipt,
    'get <id>',
    'fetch a receipt, as a file to keep',
    'cloister receipt get rcpt_7f3a… -o receipt.json',
  )
    .option('-o, --output <file>', 'where to write it; default: standard output')
    .action(later(async () => (await import('./receipts.ts')).getReceipt))
}
