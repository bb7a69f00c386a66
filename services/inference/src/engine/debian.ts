import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { CloisterError } from '@cloister/core'

const run = promisify(execFile)
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg'
const SUITE = 'sid'
/** Where Debian is when this machine doesn't say. */
const MIRROR = 'http://deb.debian.org/debian'
const MAX_BYTES = 64 * 1024 * 1024

/** A package as its file is called: `libllama0_1%3a0.7.0+dfsg-2_amd64.deb`. */
export interface DebianPackage {
  name: string
  version: string
  file: string
}

/**
 * Downloads a package of Debian sid with all that it needs, from the mirror that this machine uses, into
 * `folder`. apt does it, with lists, sources and state of its own in that folder: it checks the signature of
 * Debian's index, and each package against the index. Nothing of the system's apt is changed and no root is
 * needed. Throws `image-unavailable` where there is no apt, no keyring or no mirror.
 */
export async function downloadPackages(
  name: string,
  folder: string,
  { mirror, signal }: { mirror?: string; signal?: AbortSignal } = {},
): Promise<DebianPackage[]> {
  if (!existsSync(KEYRING)) throw unavailable(`there is no ${KEYRING}: this is not Debian`)
  const at = (...names: string[]) => join(resolve(folder), ...names)
  for (const inside of ['state/lists/partial', 'archives/partial', 'sources'])
    await mkdir(at(inside), { recursive: true })
  // An empty status: nothing is installed, so everything that is needed is downloaded.
  await writeFile(at('status'), '')
  await writeFile(
    at('sources/sid.sources'),
    [
      'Types: deb',
      `URIs: ${mirror ?? (await mirrorOf())}`,
      `Suites: ${SUITE}`,
      'Components: main',
      `Signed-By: ${KEYRING}`,
      '',
    ].join('\n'),
  )
  const options = Object.entries({
    'Dir::State': at('state'),
    'Dir::State::status': at('status'),
    'Dir::Cache': at('.'),
    'Dir::Cache::archives': at('archives'),
    'Dir::Etc::sourcelist': '/dev/null',
    'Dir::Etc::sourceparts': at('sources'),
    'Dir::Etc::preferences': '/dev/null',
    'Dir::Etc::preferencesparts': at('sources'),
    'Acquire::Languages': 'none',
    'Acquire::http::Timeout': '20',
    'Acquire::https::Timeout': '20',
    'Acquire::Retries': '1',
    'APT::Install-Recommends': 'false',
    'APT::Get::AllowUnauthenticated': 'false',
    // The folder is ours; apt would give its files to a user of its own, who can't get into it.
    'APT::Sandbox::User': '',
  }).flatMap(([key, value]) => ['-o', `${key}=${value}`])
  await apt([...options, '-o', 'APT::Update::Error-Mode=any', 'update'], signal)
  await apt([...options, 'install', '-y', '--download-only', name], signal)
  const files = (await readdir(at('archives'))).filter((file) => file.endsWith('.deb')).sort()
  return files.map((file) => {
    const [own = '', version = ''] = file.split('_')
    return { name: own, version: decodeURIComponent(version), file: at('archives', file) }
  })
}

/** Unpacks a package's files into a folder. */
export async function unpackPackage({ file }: DebianPackage, root: string): Promise<void> {
  await run('dpkg-deb', ['--extract', file, root])
}

/** The mirror that this machine has its own packages from, if it is one of Debian's. */
async function mirrorOf(): Promise<string> {
  const { stdout } = await run(
    'apt-get',
    ['indextargets', '--format', '$(REPO_URI)', 'Created-By: Packages'],
    {
      env: environment(),
    },
  ).catch((cause) => {
    throw unavailable('there is no apt-get', cause)
  })
  return stdout.split('\n').find((uri) => /\/debian\/?$/.test(uri)) ?? MIRROR
}

async function apt(words: string[], signal?: AbortSignal): Promise<void> {
  try {
    await run('apt-get', words, { env: environment(), maxBuffer: MAX_BYTES, ...(signal && { signal }) })
  } catch (cause) {
    signal?.throwIfAborted()
    const said = String((cause as { stderr?: string }).stderr ?? cause)
    const line = said.split('\n').find((one) => /^[EW]: /.test(one)) ?? said.split('\n')[0] ?? ''
    throw unavailable(`apt says: ${line.slice(0, 300)}`, cause)
  }
}

function environment(): NodeJS.ProcessEnv {
  return { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' }
}

function unavailable(what: string, cause?: unknown): CloisterError {
  return new CloisterError('image-unavailable', `llama-server can’t be had from Debian ${SUITE}: ${what}.`, {
    cause,
  })
}
