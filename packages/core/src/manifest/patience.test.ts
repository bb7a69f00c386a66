import { expect, it } from 'vitest'
import { parseManifest } from './parse.ts'
import { startPatienceMs } from './patience.ts'

const patienceOf = (text: string) =>
  startPatienceMs(parseManifest(text, { file: 'compose.yaml', env: {} }).manifest)
const health =
  'healthcheck: { test: ["CMD", "true"], interval: 10s, timeout: 5s, retries: 3, start_period: 15m }'

it('waits as long as the file’s own health checks allow, along what waits for what', () => {
  expect(patienceOf('services: { a: { image: x } }')).toBe(300_000)
  const slow = 15 * 60_000 + 3 * 15_000
  expect(patienceOf(`services:\n  a:\n    image: x\n    ${health}`)).toBe(300_000 + slow)
  const two = (condition: string) =>
    `services:\n  a:\n    image: x\n    ${health}\n  b:\n    image: x\n    ${health}\n    depends_on: { a: { condition: ${condition} } }`
  expect(patienceOf(two('service_healthy'))).toBe(300_000 + 2 * slow)
  expect(patienceOf(two('service_started'))).toBe(300_000 + slow)
})
