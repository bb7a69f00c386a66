import type { ComposeContext } from './compose-context.ts'
import { addSealed } from './extensions.ts'
import type { Field } from './field.ts'
import { placeFile } from './file-room.ts'
import { CONTAINER_PATH } from './patterns.ts'
import type { Service } from './service.ts'

/** `configs` of a service: files in the container. */
export function readComposeConfigs(root: Field, service: Service, context: ComposeContext): void {
  for (const item of root.list()) addFile(item, service, context, false)
}

/**
 * `secrets` of a service: files in /run/secrets unless they say where. External ones come sealed, beside the
 * manifest.
 */
export function readComposeSecrets(root: Field, service: Service, context: ComposeContext): void {
  const { secrets, sealedSecrets } = context
  for (const item of root.list()) {
    const { source, path, owner } = placeOf(item, true)
    if (!sealedSecrets.has(source)) addFile(item, service, context, true)
    else if (owner)
      item.refuse(
        'a sealed secret has no owner or mode of its own',
        'It belongs to root and is read by all users of the container; drop uid, gid and mode.',
      )
    else {
      secrets.takeSealed(source)
      addSealed(item, `${source}:${path}`, service)
    }
  }
}

function addFile(item: Field, service: Service, context: ComposeContext, secret: boolean): void {
  const { source, path, mode = 0o444, uid, gid } = placeOf(item, secret)
  const file = (secret ? context.secrets : context.configs).take(source)
  if (!file)
    return item.refuse(
      `${source} is not among the file's ${secret ? 'secrets' : 'configs'}`,
      'Declare it at the top level.',
    )
  service.files.push({
    ...placeFile(file, item, context),
    path,
    mode,
    secret,
    ...(uid !== undefined && { uid }),
    ...(gid !== undefined && { gid }),
  })
}

interface Place {
  source: string
  path: string
  mode?: number
  uid?: number
  gid?: number
  /** It says who owns it or what others may do. */
  owner: boolean
}

/** What a `configs` or `secrets` entry takes, and where to. */
function placeOf(item: Field, secret: boolean): Place {
  const place: Place = { source: item.isMap ? '' : item.text(), path: '', owner: false }
  let target: string | undefined
  if (item.isMap)
    item.fields({
      source: (field) => void (place.source = field.text()),
      target: (field) => void (target = field.text()),
      mode: (field) => void (place.mode = readMode(field, 0o777)),
      uid: (field) => void (place.uid = field.integer(0, 0xfffffffe)),
      gid: (field) => void (place.gid = field.integer(0, 0xfffffffe)),
    })
  if (place.source === '') item.fail('a source')
  target ??= place.source
  place.owner = place.mode !== undefined || place.uid !== undefined || place.gid !== undefined
  place.path = target.startsWith('/') ? target : secret ? `/run/secrets/${target}` : `/${target}`
  if (!CONTAINER_PATH.test(place.path))
    item.fail('a target that is a path without "..", ":" or control characters')
  return place
}

/** Rights of a file: `0440` and `0o440` as YAML reads them, "0440" and "440" as octal digits. */
export function readMode(field: Field, most: number): number {
  const text = typeof field.value === 'string' ? field.value : undefined
  if (text === undefined) return field.integer(0, most)
  const octal = /^(?:0o)?([0-7]{1,5})$/.exec(text)?.[1]
  const mode = octal === undefined ? Number.NaN : Number.parseInt(octal, 8)
  return mode <= most ? mode : field.fail(`a mode such as 0440, at most 0${most.toString(8)}`)
}
