import { CloisterError, type Wish } from '@cloister/core'
import {
  buildImage,
  engineImage,
  findBuilder,
  type HeldImage,
  ImageCache,
  pathIn,
  placedImage,
} from '@cloister/images'
import { note, paint, printable, Steps } from '@cloister/terminal'
import { takingsOf } from './build-takings.ts'
import { takingsOfImage } from './image-takings.ts'
import type { Fulfilled, WishOptions } from './options.ts'

/** An image that is on this machine, with what is sent of it. */
export async function grantImage(
  { service, from }: Extract<Wish, { kind: 'image' }>,
  { folder, quiet, permissions }: WishOptions,
): Promise<Fulfilled> {
  await permissions.require(takingsOfImage(from, folder, permissions))
  const cache = new ImageCache()
  const steps = new Steps(quiet)
  steps.begin('read', `the image of ${service}`)
  const image = await steps.until(
    from.kind === 'engine'
      ? engineImage(from.name, cache)
      : placedImage(pathIn(folder, from.path), from.name, cache),
  )
  return fulfilled(image, from.kind)
}

/** An image that is built, with what is sent of it. */
export async function grantBuild(
  { service, build }: Extract<Wish, { kind: 'build' }>,
  { folder, quiet, builder: wanted, onBuild, permissions }: WishOptions,
): Promise<Fulfilled> {
  await permissions.require(takingsOf(build, folder, permissions))
  const builder = await findBuilder(wanted ?? process.env['CLOISTER_BUILDER'])
  const isLive = process.stderr.isTTY
  const steps = new Steps(quiet || !isLive)
  steps.begin('build', `${service} with ${builder.name}`)
  onBuild?.({ event: 'build', service, builder: builder.name })
  const onLine = (line: string) => {
    onBuild?.({ event: 'build-line', service, line })
    if (isLive) steps.begin('build', `${service}  ${line}`)
    else if (!quiet) note(paint('dim', `  ${service} | ${printable(line)}`, process.stderr))
  }
  try {
    const built = await steps.until(buildImage(build, folder, { builder, cache: new ImageCache(), onLine }))
    return fulfilled(built, built.isKept ? 'kept' : builder.name)
  } catch (error) {
    if (!(error instanceof CloisterError) || error.code !== 'build-failed') throw error
    if (isLive && !quiet) showLast(error)
    throw new CloisterError('build-failed', error.message.replace('the image', `the image of ${service}`), {
      details: { service, ...error.details },
      cause: error,
    })
  }
}

function fulfilled({ digest, contents }: HeldImage, how: string): Fulfilled {
  return { granted: { image: digest }, contents, how }
}

function showLast({ details }: CloisterError): void {
  const last = Array.isArray(details['last']) ? details['last'] : []
  for (const line of last) note(`  ${printable(String(line))}`)
}
