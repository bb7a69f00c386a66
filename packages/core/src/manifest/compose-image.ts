import { CloisterError } from '../errors/error.ts'
import { isRemoteContext, readBuild } from './compose-build.ts'
import type { ComposeContext } from './compose-context.ts'
import type { Field } from './field.ts'
import { imageName, readImage, repositoryOf, sentImage } from './image-field.ts'
import type { Build, ParseOptions } from './parse-options.ts'
import { sentReference } from './sent.ts'
import { grantImage } from './wish.ts'

const BUILD_IT = 'Build it, push it to a registry and name it under "image".'
/** `pull_policy` with which Docker Compose asks a registry, also where it could build. */
const PULLS = /^(?:always|missing|if_not_present|daily|weekly|every_\w+)$/

/**
 * The image of a service: a registry's, or one that is built or read on this machine and sent. What another
 * service builds under its name is that. Empty where the service has none.
 */
export function readComposeImage(name: string, root: Field, context: ComposeContext): string {
  const image = root.get('image')
  const policy = readPullPolicy(root)
  const { build } = chooseBuild(root, context)
  if (build) return built(name, build, root.get('build') ?? root, context)
  if (!image) return ''
  const [other, otherRoot] = context.builders.get(tagged(image.text())) ?? []
  if (other !== undefined && otherRoot && !root.get('build') && !PULLS.test(policy)) {
    const shared = chooseBuild(otherRoot, context).build
    if (shared) return built(other, shared, image, context)
  }
  if (policy === 'never' && context.options.granted)
    return sentImage(name, { kind: 'engine', name: imageName(image) }, image, context)
  return readImage(name, image, context)
}

/** Services that build what has a name, by that name. */
export function buildersOf(services: ReadonlyMap<string, Field>): ComposeContext['builders'] {
  const builders: ComposeContext['builders'] = new Map()
  for (const [name, root] of services) {
    const image = root.isMap && !root.get('build')?.isNothing ? root.get('image') : undefined
    if (root.get('build') && typeof image?.value === 'string') builders.set(tagged(image.value), [name, root])
  }
  return builders
}

/** `app` and `app:latest` are one name. */
function tagged(name: string): string {
  return /:[^/]*$|@/.test(name) ? name : `${name}:latest`
}

function built(service: string, build: Build, at: Field, context: ComposeContext): string {
  const digest = grantImage({ kind: 'build', service, build }, at, BUILD_IT, context)
  return sentReference(repositoryOf(service), digest)
}

/** How a service's image is built; nothing where it has none to build, or its image is pulled. */
function chooseBuild(root: Field, context: ComposeContext): { build?: Build } {
  const known = context.builds.get(root.name)
  if (known) return known
  const build = readChosen(root, context)
  const chosen = build ? { build } : {}
  context.builds.set(root.name, chosen)
  return chosen
}

function readChosen(root: Field, context: ComposeContext): Build | undefined {
  const { options } = context
  const field = root.get('build')
  const image = root.get('image')
  const policy = readPullPolicy(root)
  if (!field || field.isNothing) {
    if (policy === 'build')
      root.get('pull_policy')?.refuse('there is nothing to build', 'Say how under "build", or drop it.')
    return undefined
  }
  const pull = (why: string) => field.warn(`ignored: the image is pulled, not built${why}`)
  if (options.builds === false || !options.granted) {
    if (image) return void pull('')
    field.refuse(
      options.granted ? 'the image has to be built' : "an image can't be built by a worker",
      options.granted ? 'Leave --no-build out, or name an image under "image".' : BUILD_IT,
    )
  }
  if (image && PULLS.test(policy)) return void pull(`, as pull_policy ${policy} says`)
  if (image && policy === 'never')
    return void field.warn("ignored: pull_policy: never takes this machine's own image")
  const build = readBuild(field, context)
  const dockerfile = dockerfileOf(build)
  if (dockerfile === undefined || isThere(dockerfile, options)) {
    const isElsewhere = image && policy !== 'build' && isRemoteContext(build.context)
    return isElsewhere ? void pull(': what it is built of is elsewhere') : build
  }
  if (image && policy !== 'build') return void pull(`: there is no ${dockerfile}`)
  return field.refuse(`there is no ${dockerfile}`, 'Name the context and its dockerfile.')
}

/** Path of a build's Dockerfile, where that lies in the project's folder. */
function dockerfileOf({ context, dockerfile = 'Dockerfile', dockerfileInline }: Build): string | undefined {
  if (dockerfileInline !== undefined || isRemoteContext(context)) return undefined
  const parts: string[] = []
  for (const part of `${context}/${dockerfile}`.split('/')) {
    if (part === '' || part === '.') continue
    if (part !== '..') parts.push(part)
    else if (parts.pop() === undefined) return undefined
  }
  return /^[/~]/.test(context) || /^[/~]/.test(dockerfile) ? undefined : parts.join('/')
}

function isThere(path: string, { look }: ParseOptions): boolean {
  try {
    return !look || look(path, []) !== undefined
  } catch (error) {
    // Something is there that no manifest could hold.
    if (error instanceof CloisterError) return true
    throw error
  }
}

/** Empty where none is said. */
function readPullPolicy(root: Field): string {
  const field = root.get('pull_policy')
  if (!field || field.isNothing) return ''
  const policy = field.text()
  if (policy !== 'never' && policy !== 'build' && !PULLS.test(policy))
    field.fail('always, missing, never, build, daily, weekly or every_…')
  return policy
}
