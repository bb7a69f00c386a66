import { CloisterError } from '@cloister/core'
import { expect, it } from 'vitest'
import { checkOptions } from './config.ts'
import type { ConfigOptions } from './options.ts'

const right = {
  config: 'provider.yaml',
  name: 'worker',
  port: '7070',
  engine: 'sandbox',
  gpus: '0',
  gpuClass: 'h100',
}

const said = (changed: Partial<ConfigOptions>) => {
  try {
    checkOptions({ ...right, ...changed } as ConfigOptions)
    return undefined
  } catch (error) {
    return error instanceof CloisterError ? [error.code, error.message] : error
  }
}

it('takes what a configuration can hold', () => {
  expect(said({})).toBeUndefined()
  expect(said({ endpoint: 'https://worker.example:7070', gpus: '64', engine: 'docker' })).toBeUndefined()
})

it.each([
  [{ name: 'Worker' }, '--name'],
  [{ name: '' }, '--name'],
  [{ port: '65536' }, '--port'],
  [{ port: '7e3' }, '--port'],
  [{ endpoint: 'ftp://a' }, '--endpoint'],
  [{ endpoint: 'nowhere' }, '--endpoint'],
  [{ engine: 'podman' }, '--engine'],
  [{ gpus: '65' }, '--gpus'],
  [{ gpuClass: 'H 100' }, '--gpu-class'],
])('names the option of %j', (changed, option) => {
  expect(said(changed)).toEqual([
    'bad-option',
    expect.stringMatching(new RegExp(`^${option} takes [^;]*\\.$`)),
  ])
})

it('names all that are wrong', () => {
  expect(said({ port: 'x', gpus: 'y' })).toEqual(['bad-option', expect.stringMatching(/--port.*; --gpus/)])
})
