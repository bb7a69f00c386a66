import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { folderOfTest } from '../testing.ts'
import { sourceDate } from './context.ts'

const SIGNED = `author a <a@example.com> 86400 +0000
committer a <a@example.com> 86400 +0000
gpgsig -----BEGIN PGP SIGNATURE-----
 
 none
 -----END PGP SIGNATURE-----

one
`

function git(folder: string, words: string[], input = ''): string {
  const { status, stdout, stderr } = spawnSync('git', ['-C', folder, ...words], { input, encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  return stdout.trim()
}

/** A repository whose settings name a program that leaves a file where it was run. */
function hostileRepository(words: string[]): { folder: string; mark: string } {
  const folder = folderOfTest()
  const mark = join(folder, 'mark')
  const context = join(folder, 'context')
  mkdirSync(context)
  const program = join(context, 'program')
  writeFileSync(program, `#!/bin/sh\ntouch '${mark}'\n`, { mode: 0o755 })
  git(context, ['init', '-q', ...words])
  const blob = git(context, ['hash-object', '-w', '-t', 'blob', '--stdin'], 'x')
  const tree = git(context, ['mktree'], `100644 blob ${blob}\tfile\n`)
  const commit = git(context, ['hash-object', '-w', '-t', 'commit', '--stdin'], `tree ${tree}\n${SIGNED}`)
  git(context, ['update-ref', 'HEAD', commit])
  git(context, ['config', 'log.showSignature', 'true'])
  git(context, ['config', 'gpg.program', program])
  return { folder: context, mark }
}

it('the time of the last commit is told without running what a repository names', async () => {
  const { folder, mark } = hostileRepository([])
  expect(await sourceDate(folder)).toBe(86_400)
  expect(existsSync(mark)).toBe(false)
})

it('a folder that only looks like a bare repository has no commits', async () => {
  const { folder, mark } = hostileRepository(['--bare'])
  expect(await sourceDate(folder)).toBe(0)
  expect(existsSync(mark)).toBe(false)
})

it('nothing that a repository lacks is fetched', async () => {
  const { folder, mark } = hostileRepository([])
  const tree = git(folder, ['rev-parse', 'HEAD^{tree}'])
  spawnSync('rm', ['-f', join(folder, '.git/objects', tree.slice(0, 2), tree.slice(2))])
  git(folder, ['config', 'log.showSignature', 'false'])
  git(folder, ['config', 'core.repositoryFormatVersion', '1'])
  git(folder, ['config', 'extensions.partialClone', 'origin'])
  git(folder, ['config', 'remote.origin.url', 'ssh://nowhere.invalid/x'])
  git(folder, ['config', 'remote.origin.promisor', 'true'])
  git(folder, ['config', 'core.sshCommand', join(folder, 'program')])
  git(folder, ['config', 'protocol.ssh.allow', 'always'])
  await sourceDate(folder)
  expect(existsSync(mark)).toBe(false)
})
