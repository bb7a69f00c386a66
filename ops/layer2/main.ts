// What an operator needs to launch the network's layer 2 (see ops/layer2/README.md):
// npm run layer2 -- write SETTINGS FOLDER | pin FOLDER NAME=TAG… | keys SETTINGS FOLDER
//                 | check SETTINGS DEPLOYED [--metrics]
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CloisterError, messageOf } from '@cloister/core'
import { createPublicClient, http } from 'viem'
import { findingsOf } from './check/facts.ts'
import { Deployed, layer1Facts } from './check/layer1.ts'
import { layer2Facts } from './check/layer2.ts'
import { metricsOf } from './check/metrics.ts'
import { chainEnvironment, oracleEnvironment } from './environment.ts'
import { pinImages, unpinned } from './images.ts'
import { intentOf } from './intent.ts'
import { checkKeys } from './keys.ts'
import { readFile, readSettings } from './settings.ts'

const COMMANDS: Readonly<Record<string, (words: string[]) => Promise<void> | void>> = {
  write: ([from, folder]) => {
    const settings = readSettings(given(from, 'SETTINGS'))
    const to = given(folder, 'FOLDER')
    mkdirSync(to, { recursive: true })
    const files = {
      'intent.toml': intentOf(settings),
      'chain.env': chainEnvironment(settings),
      'oracle.env': oracleEnvironment(settings),
    }
    for (const [name, text] of Object.entries(files)) writeFileSync(join(to, name), text)
    console.log(`${Object.keys(files).join(', ')} are in ${to}.`)
  },
  pin: async ([folder, ...tags]) => {
    const to = join(given(folder, 'FOLDER'), 'images.env')
    writeFileSync(to, await pinImages(Object.fromEntries(tags.map((tag) => tag.split(/=(.*)/s)))))
    console.log(`${to} names each image by its digest. Compare them with what their makers publish.`)
  },
  keys: ([from, folder]) => {
    const settings = readSettings(given(from, 'SETTINGS'))
    const at = given(folder, 'FOLDER')
    checkKeys(readFileSync(join(at, 'keys.env'), 'utf8'), settings)
    const wrong = unpinned(readFileSync(join(at, 'images.env'), 'utf8'))
    if (wrong.length > 0) throw new CloisterError('bad-config', `images.env: ${wrong.join('; ')}.`)
    console.log('Keys are of the accounts that the settings name, and images are pinned.')
  },
  check: async ([from, deployedAt, ...flags]) => {
    const settings = readSettings(given(from, 'SETTINGS'))
    const deployed = readFile(given(deployedAt, 'DEPLOYED'), Deployed)
    const [layer1, layer2] = [settings.layer1.rpcUrl, settings.layer2.rpcUrl].map((url) =>
      createPublicClient({ transport: http(url, { batch: true, timeout: 15_000 }), cacheTime: 0 }),
    )
    if (!layer1 || !layer2) throw new CloisterError('internal', 'There are no clients.')
    const facts = [...layer1Facts(layer1, settings, deployed), ...layer2Facts(layer2, settings)]
    const findings = await findingsOf(facts)
    if (flags.includes('--metrics')) return void process.stdout.write(metricsOf(facts.length, findings))
    for (const { what, should, is } of findings) console.log(`✘ ${what} should be ${should} and is ${is}`)
    console.log(`${facts.length - findings.length} of ${facts.length} hold.`)
    if (findings.length > 0) process.exitCode = 1
  },
}

function given(word: string | undefined, what: string): string {
  if (word === undefined) throw new CloisterError('bad-option', `Name ${what}: see ops/layer2/README.md.`)
  return word
}

try {
  const [name = '', ...words] = process.argv.slice(2)
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  if (!command)
    throw new CloisterError(
      'bad-option',
      `There is: ${Object.keys(COMMANDS).join(', ')}. See ops/layer2/README.md.`,
    )
  await command(words)
} catch (error) {
  console.error(`✘ ${messageOf(error)}`)
  process.exitCode = 1
}
