import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { promisify } from 'node:util'

/** Runs a program and gives what it prints. Throws with what it said where it fails. */
export async function run(program: string, words: string[], env = process.env): Promise<string> {
  const { stdout } = await promisify(execFile)(program, words, { env, maxBuffer: 64 * 1024 * 1024 })
  return stdout
}

/** `sha256:…` of a file. */
export async function fileDigest(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) hash.update(chunk)
  return `sha256:${hash.digest('hex')}`
}
