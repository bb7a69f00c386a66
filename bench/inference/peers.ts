import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'

const FOLDER = resolve(import.meta.dirname, '../../.cloister/bench/inference')

/** Installs the peers on first use, beside the clone's state. Undefined where they can't be had. */
export function installPeers(tell: (text: string) => void): { hono: string; portkey: string } | undefined {
  try {
    mkdirSync(FOLDER, { recursive: true })
    cpSync(resolve(import.meta.dirname, 'peers'), FOLDER, { recursive: true })
    for (const name of ['hono', 'portkey']) {
      const cwd = join(FOLDER, name)
      if (existsSync(join(cwd, 'node_modules/hono'))) continue
      tell(`installing ${name} (once)`)
      const words = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
      execFileSync('npm', words, { cwd, stdio: 'ignore' })
    }
    return {
      hono: join(FOLDER, 'hono/proxy.mjs'),
      portkey: join(FOLDER, 'portkey/node_modules/@portkey-ai/gateway/build/start-server.js'),
    }
  } catch {
    return undefined
  }
}
