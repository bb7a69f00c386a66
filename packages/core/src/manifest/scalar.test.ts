import { describe, expect, it } from 'vitest'
import { readPlain } from './scalar.ts'

describe('a plain scalar is read as go-yaml reads it', () => {
  // Values by yaml.v3's resolve.go and its decode_test.go.
  it.each([
    ['1147053346671102335', 'integer', '1147053346671102335'],
    ['18446744073709551615', 'integer', '18446744073709551615'],
    ['-9223372036854775808', 'integer', '-9223372036854775808'],
    ['18446744073709551616', 'float', '18446744073709552000'],
    ['123456789012345678901234567890', 'float', '1.2345678901234568e+29'],
    ['0440', 'integer', '288'],
    ['0o440', 'integer', '288'],
    ['010', 'integer', '8'],
    ['08', 'float', '8'],
    ['1_', 'integer', '1'],
    ['1_000', 'integer', '1000'],
    ['0b1010', 'integer', '10'],
    ['0x1F', 'integer', '31'],
    ['+15550100', 'integer', '15550100'],
    ['-0', 'integer', '0'],
    ['1.10', 'float', '1.1'],
    ['.5', 'float', '0.5'],
    ['1e3', 'float', '1000'],
    ['1e21', 'float', '1e+21'],
    ['0.00001', 'float', '1e-05'],
    ['685_230.15', 'float', '685230.15'],
    ['.inf', 'float', '+Inf'],
    ['-.INF', 'float', '-Inf'],
    ['True', 'boolean', 'true'],
    ['FALSE', 'boolean', 'false'],
  ])('%s is the %s %s', (source, kind, printed) => {
    expect(readPlain(source)).toMatchObject({ source, kind, printed })
  })

  it.each([
    'yes',
    'on',
    '1.2.3',
    '8080:80',
    '0x',
    '-',
    '+',
    '.',
    '._5',
    '12e',
    '~',
    '',
    'tRue',
    '1 000',
    '0b12',
    '0o9',
  ])('%j stays text, as it is no number there', (source) => {
    expect(readPlain(source)).toBeUndefined()
  })
})
