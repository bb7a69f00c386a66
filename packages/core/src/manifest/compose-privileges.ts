import type { Field } from './field.ts'
import { GROUP_PATTERN } from './patterns.ts'
import { CAPABILITIES, type Capability, DEFAULT_CAPABILITIES, isOwnSysctl } from './privileges.ts'
import type { Service } from './service.ts'

const LIMITS = [
  'core',
  'cpu',
  'data',
  'fsize',
  'locks',
  'memlock',
  'msgqueue',
  'nice',
  'nofile',
  'nproc',
  'rss',
  'rtprio',
  'rttime',
  'sigpending',
  'stack',
]

/** `cap_add` and `cap_drop`: within what root in a container may have here anyway. */
export function readCapabilities(root: Field, service: Service): void {
  const held = new Set<Capability>(DEFAULT_CAPABILITIES)
  const names = (key: string) =>
    (root.get(key)?.isNull === false ? (root.get(key)?.list() ?? []) : []).map((item) => ({
      item,
      name: item.text().toUpperCase().replace(/^CAP_/, ''),
    }))
  for (const { item, name } of names('cap_drop')) {
    if (!/^[A-Z_]{2,32}$/.test(name)) item.fail('a capability such as NET_RAW')
    if (name === 'ALL') held.clear()
    else held.delete(name as Capability)
  }
  for (const { item, name } of names('cap_add')) {
    const known = CAPABILITIES.find((capability) => capability === name)
    if (name === 'IPC_LOCK') {
      // All that programs do with it is to lock more memory than they may without.
      service.ulimits['memlock'] ??= { soft: -1, hard: -1 }
      item.warn('not given, since swap is off; memory may be locked without limit (ulimits, memlock)')
    } else if (name === 'SYS_NICE')
      item.warn('ignored: nobody runs before others on a worker; what is leased is there in full')
    else if (!known)
      item.refuse(
        `the capability ${name.slice(0, 32)} can't be given`,
        `A lease has no rights beyond its own containers; it may have ${CAPABILITIES.join(', ')}.`,
      )
    else held.add(known)
  }
  const all = CAPABILITIES.filter((name) => held.has(name))
  if (all.join() !== DEFAULT_CAPABILITIES.join()) service.capabilities = all
}

/** `sysctls`, as a list or a mapping: those of a container's own namespaces. */
export function readSysctls(root: Field, service: Service): void {
  const entries: [string, string, Field][] = root.isMap
    ? root.entries().map(([name, field]) => [name, field.printed(), field])
    : root.list().map((item) => {
        const [name = '', ...value] = item.text().split('=')
        return [name, value.join('='), item]
      })
  for (const [name, value, at] of entries) {
    if (!isOwnSysctl(name))
      at.refuse(
        `${name.slice(0, 60)} can't be set`,
        'A service sets what belongs to its own namespaces (docs/manifests.md); drop it.',
      )
    if (!/^-?[0-9][0-9 \t-]{0,63}$/.test(value)) at.fail('a number, or several')
    service.sysctls = { ...service.sysctls, [name]: value }
  }
}

/** `group_add`: further groups, by name or number. */
export function readGroups(root: Field, service: Service): void {
  const groups = root.list().map((item) => item.matching(GROUP_PATTERN, 'a group by name or number'))
  if (groups.length > 0) service.groups = [...new Set(groups)]
}

/** `ulimits`: one number, or `soft` and `hard`. */
export function readUlimits(root: Field): Service['ulimits'] {
  const limits: Service['ulimits'] = {}
  for (const [name, limit] of root.entries()) {
    if (!LIMITS.includes(name))
      limit.refuse(`${name.slice(0, 20)} is no limit`, `There are ${LIMITS.join(', ')}.`)
    limits[name] = readUlimit(limit)
  }
  return limits
}

function readUlimit(field: Field): { soft: number; hard: number } {
  if (!field.isMap) {
    const both = field.integer(-1, Number.MAX_SAFE_INTEGER)
    return { soft: both, hard: both }
  }
  let soft: number | undefined
  let hard: number | undefined
  field.fields({
    soft: (limit) => void (soft = limit.integer(-1, Number.MAX_SAFE_INTEGER)),
    hard: (limit) => void (hard = limit.integer(-1, Number.MAX_SAFE_INTEGER)),
  })
  if (soft === undefined || hard === undefined) return field.fail('soft and hard')
  return { soft, hard }
}

/** `security_opt`: what is so anyway. */
export function readSecurityOptions(root: Field): void {
  for (const option of root.list()) {
    if (/^label[:=]/.test(option.text())) option.warn('ignored: workers label what they run themselves')
    else if (
      !/^(?:no-new-privileges(?:[:=]true)?|seccomp[:=]default|apparmor[:=]docker-default)$/.test(
        option.text(),
      )
    )
      option.refuse(
        `${option.text()} can't be honoured`,
        'Services run without new privileges under the default seccomp profile; drop it.',
      )
  }
}
