import { spawn } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

const PROGRAM = '/usr/bin/docker-registry'

/** Whether this machine has Debian's `docker-registry`. */
export const hasRegistry = existsSync(PROGRAM)

/** The one who may use a registry that is private, and the line of `htpasswd -B` for it. */
export const LOGIN = { username: 'tenant', password: 'correct-horse-battery' }
const HTPASSWD = 'tenant:$2b$04$cE7owPrkNPRkGA/KHnVjlO.WhbxO.ktRypG0zeqWL7v0J6zUlyTGe\n'

/** A registry of Docker's distribution, on a port of its own. */
export interface Registry {
  /** `127.0.0.1:port`. */
  host: string
  /** Puts an image of a layout folder there under a tag. */
  push(layout: string, digest: string, repository: string, tag: string): Promise<void>
  stop(): Promise<void>
}

/** Starts one that keeps its files below `folder`; a private one lets nobody in but `LOGIN`. */
export async function startRegistry(folder: string, { isPrivate = false } = {}): Promise<Registry> {
  const host = `127.0.0.1:${await freePort()}`
  const auth = isPrivate ? `auth:\n  htpasswd:\n    realm: here\n    path: ${join(folder, 'htpasswd')}\n` : ''
  writeFileSync(join(folder, 'htpasswd'), HTPASSWD)
  const config = join(folder, 'registry.yml')
  writeFileSync(
    config,
    `version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: ${join(folder, 'registry')}\nhttp:\n  addr: ${host}\n${auth}`,
  )
  const child = spawn(PROGRAM, ['serve', config], { stdio: 'ignore' })
  const headers = isPrivate
    ? { authorization: `Basic ${Buffer.from(`${LOGIN.username}:${LOGIN.password}`).toString('base64')}` }
    : {}
  const send = async (path: string | URL, init: RequestInit & { headers?: Record<string, string> } = {}) => {
    const answer = await fetch(new URL(path, `http://${host}`), {
      ...init,
      headers: { ...headers, ...init.headers },
    })
    if (!answer.ok)
      throw new Error(`${init.method ?? 'GET'} ${path}: ${answer.status} ${await answer.text()}`)
    return answer
  }
  for (let tries = 0; ; tries++) {
    const isUp = await send('/v2/').catch(() => undefined)
    if (isUp) break
    if (tries > 200) throw new Error('docker-registry does not answer')
    await delay(50)
  }
  const push: Registry['push'] = async (layout, digest, repository, tag) => {
    const blob = (name: string) => new Uint8Array(readFileSync(join(layout, 'blobs', ...name.split(':'))))
    const manifest = blob(digest)
    const { config: configuration, layers } = JSON.parse(new TextDecoder().decode(manifest))
    for (const part of [configuration, ...layers]) {
      const started = await send(`/v2/${repository}/blobs/uploads/`, { method: 'POST' })
      const to = new URL(started.headers.get('location') ?? '', `http://${host}`)
      to.searchParams.set('digest', part.digest)
      await send(to, {
        method: 'PUT',
        body: blob(part.digest),
        headers: { 'content-type': 'application/octet-stream' },
      })
    }
    await send(`/v2/${repository}/manifests/${tag}`, {
      method: 'PUT',
      body: manifest,
      headers: { 'content-type': 'application/vnd.oci.image.manifest.v1+json' },
    })
  }
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise((done) => child.once('exit', done))
    child.kill('SIGKILL')
    await ended
  }
  return { host, push, stop }
}

function freePort(): Promise<number> {
  return new Promise((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => done(typeof address === 'object' && address ? address.port : 0))
    })
  })
}
