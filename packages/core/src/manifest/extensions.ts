import type { Field } from './field.ts'
import { SECRET_NAME_PATTERN } from './patterns.ts'
import type { Service } from './service.ts'

/**
 * What Compose and SDL have no words for, in either: `x-sealed` (secrets that come beside the manifest, `NAME` for a variable,
 * `NAME:/path` for a file), `x-exec: false` (nobody runs commands inside) and `x-agent-socket: true`.
 */
export function readExtensions(root: Field, service: Service): void {
  const sealed = root.get('x-sealed')
  if (sealed) for (const item of sealed.list()) addSealed(item, item.text(), service)
  if (root.get('x-exec')?.boolean() === false) service.exec = false
  if (root.get('x-agent-socket')?.boolean() === true) service.agentSocket = true
}

/** One sealed secret of a service, `NAME` or `NAME:/path`. */
export function addSealed(item: Field, text: string, service: Service): void {
  const colon = text.indexOf(':')
  const name = colon < 0 ? text : text.slice(0, colon)
  const path = colon < 0 ? undefined : text.slice(colon + 1)
  if (!SECRET_NAME_PATTERN.test(name) || (path !== undefined && !path.startsWith('/'))) item.fail('NAME for a variable, or NAME:/path for a file')
  service.sealed = [...(service.sealed ?? []), path === undefined ? { name } : { name, path }]
}
