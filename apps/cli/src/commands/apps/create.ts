import { getApp, getRoles, registerApp } from '@cloister/chain'
import { CloisterError, hashManifest } from '@cloister/core'
import { type Cloister, walletOf } from '@cloister/sdk'
import { paint, say, sayJson } from '@cloister/terminal'
import type { Hex } from 'viem'
import { connect } from '../../context.ts'
import { secondsOf } from '../../durations.ts'
import { readManifestFile } from '../../manifest-file.ts'
import type { PolicyOptions } from './options.ts'
import { checkHash } from './policy.ts'
import { sayApp } from './show.ts'

export async function createApp(
  name: string,
  files: string[],
  options: PolicyOptions & { upgradeDelay: string },
): Promise<void> {
  const cloister = connect(options)
  const manifests = files.map((file) =>
    hashManifest(readManifestFile(file, options, options.json === true).manifest),
  )
  const images = options.image ? options.image.map(checkHash) : await coveredImages(cloister)
  const app = await registerApp(walletOf(cloister), {
    name,
    upgradeDelay: secondsOf(options.upgradeDelay),
    manifests,
    images,
  })
  const registered = await getApp(cloister.chain, app)
  if (options.json) return sayJson(registered)
  sayApp(registered)
  say()
  say(paint('dim', `  cloister deploy ${files[0]} --app ${name} --secrets FILE`))
}

/** Guest images of the workers that are covered now, as far as governance lets them earn. */
async function coveredImages(cloister: Cloister): Promise<Hex[]> {
  const workers = await cloister.index.workers({ covered: true })
  const images = [...new Set(workers.flatMap(({ image }) => (image ? [image] : [])))]
  const roles = await Promise.all(images.map((image) => getRoles(cloister.chain, image)))
  const allowed = images.filter((_, position) => ((roles[position] ?? 0) & 1) !== 0)
  if (allowed.length === 0)
    throw new CloisterError('bad-option', 'No covered worker runs a guest image that may earn.', {
      hint: 'Name guest images with --image.',
    })
  return allowed
}
