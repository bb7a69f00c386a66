import { expect, it } from 'vitest'
import { nearest } from './nearest.ts'

const FIELDS = ['image', 'environment', 'env_file', 'read_only', 'ports', 'volumes']

it('a slip is taken for the word that was meant, and nothing else is', () => {
  const meant = (typed: string) => nearest(typed, FIELDS)
  expect(['readonly', 'enviroment', 'port', 'Volumes', 'env-file', 'imgae'].map(meant)).toEqual([
    'read_only',
    'environment',
    'ports',
    'volumes',
    'env_file',
    undefined,
  ])
  expect(['x', '', 'network', 'ports'.repeat(20), '__proto__'].map(meant)).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
  ])
})
