import { expect, it } from 'vitest'
import { logWords } from './monitor.ts'

it('the monitor writes down what a container prints, and nothing of one that keeps it from everybody', () => {
  expect(logWords({}, '/logs/web-0/log')).toEqual([
    '--log-path',
    'k8s-file:/logs/web-0/log',
    '--log-size-max',
    '20971520',
  ])
  expect(logWords({ logs: false }, '/logs/web-0/log')).toEqual(['--log-path', 'none'])
})
