import { parseByteValueMiB } from '../units.ts'
import type { ComposeContext } from './compose-context.ts'
import { readHosts } from './compose-names.ts'
import { readUlimits } from './compose-privileges.ts'
import type { Field } from './field.ts'
import type { Build } from './parse-options.ts'
import { pathFrom } from './project-path.ts'

const NO_VARIANTS = 'Workers are linux/amd64; name linux/amd64, or drop the field.'

/** What is fetched by the builder itself (compose-go, `isRemoteContext`). */
export function isRemoteContext(context: string): boolean {
  return /^(?:https?:\/\/|git:\/\/|ssh:\/\/|git@|github\.com\/)/.test(context)
}

/** `build` of a service: a context's folder or URL, or a mapping (Compose build specification). */
export function readBuild(root: Field, context: ComposeContext): Build {
  const build: Build = {
    context: '.',
    args: {},
    labels: {},
    additionalContexts: {},
    extraHosts: [],
    secrets: [],
    ssh: [],
    ulimits: [],
    entitlements: [],
    noCache: false,
    pull: false,
  }
  const folderOf = (field: Field, text = field.text()) =>
    isRemoteContext(text) ? text : pathFrom(field, text)
  if (!root.isMap) return { ...build, context: folderOf(root) }
  build.context = pathFrom(root, '.')
  root.fields(
    {
      context: (field) => void (build.context = folderOf(field)),
      dockerfile: (field) => {
        if (root.get('dockerfile_inline'))
          field.refuse('a Dockerfile is named and another one is written out', 'Leave one of them out.')
        build.dockerfile = field.text()
      },
      dockerfile_inline: (field) => void (build.dockerfileInline = field.text()),
      args: (field) => void (build.args = readArgs(field, context)),
      target: (field) => void (build.target = field.text()),
      labels: (field) => void (build.labels = readPairs(field)),
      additional_contexts: (field) => {
        for (const [name, text, at] of pairsOf(field))
          build.additionalContexts[name] = readFurtherContext(text ?? at.fail('NAME=FOLDER'), at, folderOf)
      },
      network: (field) => {
        if (!field.isNothing) build.network = field.text()
      },
      shm_size: (field) => void (build.shmMiB = Math.max(1, field.parse(parseByteValueMiB))),
      extra_hosts: (field) =>
        void (build.extraHosts = readHosts(field).map(([name, address]) => `${name}:${address}`)),
      secrets: (field) => {
        for (const item of field.list()) build.secrets.push(readBuildSecret(item, context))
      },
      ssh: (field) => {
        for (const [id, value] of pairsOf(field)) build.ssh.push(value === undefined ? id : `${id}=${value}`)
      },
      ulimits: (field) => {
        for (const [name, { soft, hard }] of Object.entries(readUlimits(field)))
          build.ulimits.push(`${name}=${soft}:${hard}`)
      },
      entitlements: (field) => void (build.entitlements = field.list().map((item) => item.text())),
      no_cache: (field) => void (build.noCache = field.boolean()),
      pull: (field) => void (build.pull = field.boolean()),
      platforms: (field) => readPlatforms(field),
      isolation: (field) => {
        if (!['', 'default'].includes(field.text()))
          field.refuse(`isolation ${field.text()} can't be honoured`, 'Workers run Linux; drop the field.')
      },
      privileged: (field) => {
        if (field.boolean())
          field.refuse(
            'an image is not built with privileges',
            'BuildKit has no such builds either; drop the field, or build it yourself and name the image.',
          )
      },
    },
    {},
    {
      tags: 'the image goes to the worker, and has no other names there',
      cache_from: 'the builder on this machine keeps a cache of its own',
      cache_to: 'the builder on this machine keeps a cache of its own',
      provenance: 'what attests to a build is not sent',
      sbom: 'what attests to a build is not sent',
    },
  )
  return build
}

/** `args`: what has no value takes that of the variable, and isn't given where there is none. */
function readArgs(root: Field, { options }: ComposeContext): Record<string, string> {
  const args: Record<string, string> = {}
  for (const [name, value, at] of pairsOf(root)) {
    const env = at.source.env ?? options.env ?? {}
    const found = value ?? (Object.hasOwn(env, name) ? env[name] : undefined)
    if (found === undefined) at.warn(`the build argument ${name} has no value here and is left out`)
    else set(args, name, found, at)
  }
  return args
}

function readPairs(root: Field): Record<string, string> {
  const pairs: Record<string, string> = {}
  for (const [name, value, at] of pairsOf(root)) set(pairs, name, value ?? '', at)
  return pairs
}

function set(pairs: Record<string, string>, name: string, value: string, at: Field): void {
  if (name === '' || name === '__proto__' || /[\p{Cc}=]/u.test(name) || value.includes('\0'))
    at.fail('NAME=value')
  pairs[name] = value
}

/** `NAME=value` entries of a list, or a mapping; a value may lack. */
function pairsOf(root: Field): [string, string | undefined, Field][] {
  if (root.isNull) return []
  if (root.isMap)
    return root.entries().map(([name, field]) => [name, field.isNull ? undefined : field.printed(), field])
  return root.list().map((item) => {
    const text = item.text()
    const equals = text.indexOf('=')
    return equals < 0 ? [text, undefined, item] : [text.slice(0, equals), text.slice(equals + 1), item]
  })
}

function readFurtherContext(
  text: string,
  at: Field,
  folderOf: (field: Field, text: string) => string,
): string {
  if (/^service:/.test(text))
    at.refuse(
      'a build takes no image of another service',
      'Put both into one Dockerfile, the other as a stage of it, and name the stage under "target".',
    )
  return /^(?:docker-image|oci-layout|container-image):/.test(text) ? text : folderOf(at, text)
}

/** A secret of the file that a build reads: it stays on this machine. */
function readBuildSecret(item: Field, { secrets }: ComposeContext): Build['secrets'][number] {
  let source = item.isMap ? undefined : item
  let id: string | undefined
  if (item.isMap)
    item.fields(
      {
        source: (field) => void (source = field),
        target: (field) => void (id = field.text()),
      },
      {},
      {
        uid: 'the builder mounts it for the user that reads it',
        gid: 'the builder mounts it for the user that reads it',
        mode: 'the builder mounts it for the user that reads it',
      },
    )
  if (!source) return item.fail('a source')
  const name = source.text()
  const place =
    secrets.placeOf(name) ??
    source.refuse(`${name} is not among the file's secrets`, 'Declare it at the top level.')
  // An id is a part of the builder's option, which is split at commas.
  return { id: (id ?? name).replaceAll(/[,=\s]/g, '-'), ...place }
}

/** Of the platforms of an image, the workers' own is built. */
function readPlatforms(root: Field): void {
  const names = root.list().map((item) => item.text())
  if (names.length === 0) return
  const ours = names.filter((name) => /^linux\/(?:amd64|x86_64)(?:\/v[1-3])?$/.test(name))
  if (ours.length === 0) root.refuse(`images for ${names.slice(0, 4).join(', ')} are not run`, NO_VARIANTS)
  if (ours.length < names.length) root.warn('only the image for linux/amd64 is built, which workers are')
}
