import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { enrolWorker, loadAgentConfig, loadWorkerKey, type RunningWorker, startWorker } from '@cloister/agent'
import { connectWallet } from '@cloister/chain'
import { developmentAccount } from '@cloister/development/accounts'
import { openDevelopmentSource } from '@cloister/development/evidence'
import { freePort, type Stage } from './embedded.ts'

/**
 * Has a development account join an embedded network with a worker of its own, in this process. What it logs
 * goes to `said`.
 */
export async function joinWith(
  stage: Stage,
  name: string,
  account: number,
  more: object,
  said: string[] = [],
): Promise<RunningWorker> {
  const { network } = stage.embedded
  const folder = join(stage.folder, name)
  mkdirSync(folder)
  const path = join(folder, 'provider.yaml')
  const port = await freePort()
  const settings = {
    name,
    network: '../state/network.json',
    folder: '.',
    listen: { host: '127.0.0.1', port },
    endpoint: `https://127.0.0.1:${port}`,
    capacity: { cpus: 1, memory: '512MiB', disk: '2GiB' },
    executor: { engine: 'sandbox' },
    images: { layouts: ['../state/images'] },
    ...more,
  }
  writeFileSync(path, JSON.stringify(settings))
  const config = loadAgentConfig(path)
  await enrolWorker(
    connectWallet(network, developmentAccount(network, account)),
    loadWorkerKey(config.folder),
    config,
  )
  return startWorker(
    config,
    (_, message, fields) => said.push(`${message} ${JSON.stringify(fields)}`),
    openDevelopmentSource,
  )
}
