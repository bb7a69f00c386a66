import { readFileSync } from 'node:fs'
import { loadAgentConfig } from '@cloister/agent'
import { beforeEach, expect, it, vi } from 'vitest'
import { findNetwork } from '../../context.ts'
import { folderWith, typing } from '../../testing.ts'
import { addProvider } from './commands.ts'

const { run: provider, runJson: providerJson } = typing(addProvider, 'provider')

beforeEach(() => void vi.mocked(findNetwork).mockReturnValue('/networks/network.json'))

// Written for this test, in the form of the chart's values.
const CHART = `from: akash1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq
key: bm90IGEga2V5
keysecret: bm90IGEgc2VjcmV0
domain: lend.example
chainid: akashnet-2
withdrawalperiod: 12h
bidpricecpuscale: "0.004"
price_target_cpu: 1.60
price_target_memory: "0.80"
price_target_hd_ephemeral: 0.02
price_target_hd_pers_nvme: 0.04
price_target_endpoint: 0.05
price_target_gpu_mappings: "h100=1000,h100.80Gi.sxm5=1200,*=130,broken"
overcommit_pct_cpu: 20
something: else
attributes:
  - key: region
    value: eu-west
  - key: capabilities/storage/1/class
    value: beta3
  - key: capabilities/gpu/vendor/nvidia/model/h100/ram/80Gi
    value: true
  - key: capabilities/gpu/vendor/nvidia/model/h100/interface/sxm5
    value: true
  - key: capabilities/gpu/vendor/nvidia/model/t4
    value: true
  - key: feat-endpoint-ip
    value: true
`

// The same: the script that providers run, with a target changed and an account let in.
const SCRIPT = `#!/bin/bash
# TARGET_CPU="9"
if [[ "$AKASH_OWNER" == akash1friend ]]; then
  echo 1
  exit 0
fi
data_in=$(jq .)
TARGET_CPU="\${PRICE_TARGET_CPU:-7.30488}"  # USD/thread-month
TARGET_MEMORY="0.730488"
TARGET_HD_EPHEMERAL="0.02"
TARGET_IP="5"
TARGET_GPU_UNIT="$(curl example.com)"
gpu_mappings="\${PRICE_TARGET_GPU_MAPPINGS:-a100=120,t4=80,*=130}"
`

it('writes the endpoint, attributes, prices by the hour and how often money is collected', async () => {
  const folder = folderWith({ 'provider.yaml': CHART })
  const path = `${folder}/cloister.yaml`
  const { out, err, exitCode } = await provider(
    'import',
    `${folder}/provider.yaml`,
    '-c',
    path,
    '--gpus',
    '8',
  )
  expect(exitCode).toBe(0)
  const config = loadAgentConfig(path)
  expect(config).toMatchObject({
    endpoint: 'https://provider.lend.example',
    settleEverySeconds: 43_200,
    capacity: { gpus: 8, gpuClass: 'h100' },
    attributes: {
      region: 'eu-west',
      'capabilities/storage/1/class': 'beta3',
      'gpu-ram': '80Gi',
      'gpu-interface': 'sxm',
    },
  })
  expect(config.attributes['feat-endpoint-ip']).toBeUndefined()
  // 1.60, 0.80, the dearer 0.04, and 1000 and 130 a month of 730.488 hours.
  expect(config.prices).toEqual({
    USDC: {
      cpu: '0.002190316611',
      memoryGiB: '0.001095158306',
      diskGiB: '0.000054757916',
      minimumDeposit: '0.01',
      gpu: { h100: '1.368947881417', t4: '0.177963224585' },
    },
  })
  expect(out).toContain('provider.yaml:8 price_target_cpu → prices.USDC.cpu')
  // Each line that came to nothing, and why.
  expect(err).toContain('! provider.yaml:2 key: not carried over: a key of Akash')
  expect(err).toContain('! provider.yaml:7 bidpricecpuscale: not carried over: uakt per block')
  expect(err).toContain('! provider.yaml:12 price_target_endpoint: not carried over: ports cost nothing here')
  expect(err).toContain(
    '! provider.yaml:14 overcommit_pct_cpu: not carried over: what is leased is there in full',
  )
  expect(err).toContain('! provider.yaml:15 something: not carried over: nothing here goes by it')
  expect(err).toContain('! provider.yaml:27 attributes feat-endpoint-ip: not carried over: no addresses')
  expect(out).toContain('(but for broken, h100.80gi.sxm5=1200: a class has one price)')
  expect(err).toContain('a worker has GPUs of one class: t4 need configurations of their own')
  // What is secret there is shown to nobody.
  expect(`${out}${err}${readFileSync(path, 'utf8')}`).not.toMatch(/bm90|akash1qqq/)
})

it('reads the targets of a price script without running it, and says what else it decides', async () => {
  const folder = folderWith({ 'akash.yaml': 'host: https://old.example:8443\n', 'price.sh': SCRIPT })
  const path = `${folder}/provider.yaml`
  const { json } = await providerJson(
    'import',
    `${folder}/akash.yaml`,
    '--script',
    `${folder}/price.sh`,
    '-c',
    path,
  )
  const { USDC } = loadAgentConfig(path).prices
  expect(USDC).toMatchObject({ cpu: '0.01', memoryGiB: '0.001', gpu: { a100: expect.any(String) } })
  expect(loadAgentConfig(path).endpoint).toBe('https://old.example:8443')
  const { lines } = json as { lines: { line: number; what: string; became?: string; why?: string }[] }
  const of = (what: string) => lines.find((line) => line.what === what)
  expect(of('AKASH_OWNER')).toMatchObject({ line: 3, why: expect.stringContaining('bidScript') })
  expect(of('TARGET_CPU')).toMatchObject({ line: 8, became: 'prices.USDC.cpu' })
  expect(of('TARGET_IP')).toMatchObject({ line: 11, why: 'no addresses are leased here' })
  expect(of('TARGET_GPU_UNIT')).toMatchObject({ line: 12, why: 'its value is not a plain number' })
  expect(of('4 other lines')).toMatchObject({ why: expect.stringContaining('not run') })
})

it('takes the script that the file itself has, and the file before the script', async () => {
  const text = `price_target_cpu: 14.60976\nbidpricescript: ${Buffer.from(SCRIPT).toString('base64')}\n`
  const folder = folderWith({ 'akash.yaml': text })
  const path = `${folder}/provider.yaml`
  await provider('import', `${folder}/akash.yaml`, '-c', path)
  expect(loadAgentConfig(path).prices['USDC']).toMatchObject({ cpu: '0.02', memoryGiB: '0.001' })
})

it.each([
  ['a: [', /can not be read as YAML \(line \d\)/],
  ['- a list', /a map of keys is expected/],
])('says what is wrong with %j, and writes nothing', async (text, message) => {
  const folder = folderWith({ 'akash.yaml': text })
  const { err, exitCode } = await provider('import', `${folder}/akash.yaml`, '-c', `${folder}/provider.yaml`)
  expect(err).toMatch(message)
  expect(exitCode).toBe(1)
  expect(() => readFileSync(`${folder}/provider.yaml`)).toThrow('ENOENT')
})

it('overwrites neither the file it reads nor a configuration', async () => {
  const folder = folderWith({ 'provider.yaml': CHART, 'cloister.yaml': 'mine' })
  const same = await provider('import', `${folder}/provider.yaml`, '-c', `${folder}/provider.yaml`)
  expect(same.err).toContain('would be overwritten')
  expect(
    (await provider('import', `${folder}/provider.yaml`, '-c', `${folder}/cloister.yaml`)).exitCode,
  ).toBe(1)
  expect(readFileSync(`${folder}/cloister.yaml`, 'utf8')).toBe('mine')
})
