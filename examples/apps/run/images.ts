import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { makeImage } from '../images/debian.ts'
import { IMAGES } from '../images/images.ts'
import { run } from '../images/programs.ts'

/** The image that a Dockerfile may build upon. */
const BUILT_UPON = 'node'
const NAMED = /\.images\/([\w-]+)/g
const LAYOUTS = resolve(import.meta.dirname, '../.images')

/** Makes the images that files name and that are not there yet. */
export async function makeImages(texts: string[], onImage: (name: string) => void): Promise<void> {
  const named = new Set(texts.flatMap((text) => [...text.matchAll(NAMED)].map((match) => match[1])))
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'cloister-apps')
  mkdirSync(join(cache, 'layers'), { recursive: true })
  for (const [name, image] of Object.entries(IMAGES)) {
    if (!named.has(name) && name !== BUILT_UPON) continue
    onImage(name)
    await makeImage(name, image, { cache, layouts: LAYOUTS })
  }
}

/**
 * Gives Podman, which builds what the files have under `build`, a store of its own in `folder` with the image
 * of Node in it, as if that had been pulled. Returns the variables that lead there.
 */
export async function prepareBuilder(folder: string): Promise<NodeJS.ProcessEnv> {
  const settings = {
    CONTAINERS_CONF:
      '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n',
    CONTAINERS_STORAGE_CONF: `[storage]\ndriver = "vfs"\ngraphroot = "${folder}/podman"\nrunroot = "${folder}/podman-run"\n`,
  }
  const environment: NodeJS.ProcessEnv = { ...process.env, CLOISTER_BUILDER: 'podman' }
  for (const [name, text] of Object.entries(settings)) {
    writeFileSync(join(folder, name), text)
    environment[name] = join(folder, name)
  }
  // Podman takes no layout whose path could not be a name.
  const archive = join(folder, 'node.tar')
  await run('tar', ['-C', join(LAYOUTS, BUILT_UPON), '-cf', archive, '.'])
  const loaded = await run('podman', ['load', '-q', '-i', archive], environment)
  const id = loaded.trim().split(' ').at(-1) ?? ''
  await run('podman', ['tag', id, `localhost/cloister-apps/${BUILT_UPON}`], environment)
  rmSync(archive)
  return environment
}
