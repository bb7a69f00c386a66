import type Docker from 'dockerode'
import { describe, expect, it } from 'vitest'
import { logConfig, readContainerLogs } from './container-log.ts'

const READ = { tail: 10, follow: false, signal: new AbortController().signal }

/** A container as its engine tells of it; whoever reads its log is told what engines say of one with none. */
const silent = {
  inspect: async () => ({
    Id: 'ab',
    State: { StartedAt: '2026-01-01T00:00:00Z' },
    Config: { Tty: false },
    HostConfig: { LogConfig: logConfig({ logs: false }, false) },
  }),
  logs: () => Promise.reject(new Error('configured logging driver does not support reading')),
} as unknown as Docker.Container

describe('a container that keeps what it prints from everybody', () => {
  it('is made without a log in every engine, and others with one', () => {
    for (const podman of [false, true]) {
      expect(logConfig({ logs: false }, podman)).toEqual({ Type: 'none', Config: {} })
      expect(logConfig({}, podman).Type).toMatch(/file$/)
    }
  })

  it('has no lines to read, whoever asks', async () => {
    for (const podman of [false, true])
      for await (const line of readContainerLogs(silent, READ, podman)) expect.unreachable(line.text)
    const aborter = new AbortController()
    const following = readContainerLogs(silent, { ...READ, follow: true, signal: aborter.signal }, false)
    const first = following.next()
    aborter.abort()
    expect(await first).toEqual({ done: true, value: undefined })
  })
})
