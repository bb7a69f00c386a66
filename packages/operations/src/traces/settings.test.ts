import { expect, it } from 'vitest'
import { readTraceSettings } from './settings.ts'

const read = (address: string, env: NodeJS.ProcessEnv = {}) => readTraceSettings(address, 'usual', env)

it.each([
  ['http://127.0.0.1:4318', 'http://127.0.0.1:4318/v1/traces'],
  ['https://collector.example/otlp/', 'https://collector.example/otlp/v1/traces'],
  ['https://collector.example/v1/traces', 'https://collector.example/v1/traces'],
])('%s is the base of a collector’s address', (address, url) =>
  expect(read(address)).toMatchObject({ url: { href: url }, service: 'usual', ratio: 1, headers: {} }),
)

it('reads the environment as OpenTelemetry has it', () =>
  expect(
    read('http://127.0.0.1:4318', {
      OTEL_SERVICE_NAME: 'mine',
      OTEL_TRACES_SAMPLER_ARG: '0.25',
      OTEL_EXPORTER_OTLP_HEADERS: 'api-key=a%20b, other=c=d',
    }),
  ).toMatchObject({ service: 'mine', ratio: 0.25, headers: { 'api-key': 'a b', other: 'c=d' } }))

it.each(['127.0.0.1:4318', 'grpc://a', 'http://me:secret@a', 'http://a/#b', ''])(
  '%s is no collector, and the refusal does not repeat it',
  (address) => {
    expect(() => read(address)).toThrow('no address that begins with http(s).')
    expect(() => read(address)).not.toThrow('secret')
  },
)

it.each(['-1', '1.1', '0,1', 'all'])('a share of %s is refused', (ratio) =>
  expect(() => read('http://a', { OTEL_TRACES_SAMPLER_ARG: ratio })).toThrow('a share from 0 to 1'),
)

it.each(['secret', '=secret', 'a b=secret', 'a=%zz'])(
  'headers of %s are refused, and not repeated',
  (text) => {
    expect(() => read('http://a', { OTEL_EXPORTER_OTLP_HEADERS: text })).toThrow('no list like name=value')
    expect(() => read('http://a', { OTEL_EXPORTER_OTLP_HEADERS: text })).not.toThrow('secret')
  },
)
