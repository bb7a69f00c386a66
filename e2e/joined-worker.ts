import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  type AgentConfig,
  enrolWorker,
  loadAgentConfig,
  loadWorkerKey,
  type RunningWorker,
  startWorker,
} from '@cloister/agent'
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
  const config = await enrol(stage, name, account, more)
  return startWorker(
    config,
    (_, message, fields) => said.push(`${message} ${JSON.stringify(fields)}`),
    openDevelopmentSource,
  )
}

/** Writes the configuration of a development account's machine, and registers it. */
export async function enrol(stage: Stage, name: string, account: number, more: object): Promise<AgentConfig> {
  const { network } = stage.embedded
  const folder = join(stage.folder, name)
  mkdirSync(folder, { recursive: true })
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
  const wallet = connectWallet(network, developmentAccount(network, account))
  await enrolWorker(wallet, loadWorkerKey(config.folder), config)
  return config
}
