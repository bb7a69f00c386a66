import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { downloadPackages } from './debian.ts'

const hasApt =
  spawnSync('apt-get', ['--version']).status === 0 &&
  existsSync('/usr/share/keyrings/debian-archive-keyring.gpg')

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'debian-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

/** A mirror on this machine with these files, by path. */
async function mirror(
  files: Record<string, string>,
): Promise<{ url: string; asked: string[]; close(): void }> {
  const asked: string[] = []
  const server = createServer(({ url = '' }, response) => {
    asked.push(url)
    const file = files[url]
    if (file === undefined) response.writeHead(404).end()
    else response.end(file)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/debian`,
    asked,
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

describe.skipIf(!hasApt)('packages of Debian', () => {
  test('are refused from a mirror whose index Debian has not signed', async () => {
    const { url, asked, close } = await mirror({
      '/debian/dists/sid/Release': 'Origin: Debian\nSuite: unstable\nCodename: sid\n',
    })
    await expect(downloadPackages('llama.cpp-tools', folder, { mirror: url })).rejects.toMatchObject({
      code: 'image-unavailable',
      message: expect.stringMatching(/not signed|no longer signed|signature/i),
    })
    expect(asked.some((path) => path.endsWith('.deb'))).toBe(false)
    close()
  })

  test('can’t be had where the mirror doesn’t answer, which is said in one sentence', async () => {
    const { url, close } = await mirror({})
    close()
    await expect(downloadPackages('llama.cpp-tools', folder, { mirror: url })).rejects.toMatchObject({
      code: 'image-unavailable',
      message: expect.stringMatching(/^llama-server can’t be had from Debian sid: [^\n]+$/),
    })
  })
})
