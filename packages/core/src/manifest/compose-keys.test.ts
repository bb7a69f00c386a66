import { describe, expect, it } from 'vitest'
import { toCanonicalJson } from './canonical.ts'
import { parseManifest } from './parse.ts'
import { ManifestError } from './source.ts'

/**
 * Every key of the Compose specification with a value that asks for something (compose-spec/compose-spec, `schema/compose-spec.json`
 * at 170098b, Apache-2.0; `build` and `develop` count as one each). Where a key needs others beside it, they stand before `|`.
 */
const SERVICE: Record<string, string> = {
  annotations: '{a: b}',
  attach: 'false',
  blkio_config: '{weight: 300}',
  build: '.',
  cap_add: '[AUDIT_WRITE]',
  cap_drop: '[CHOWN]',
  cgroup: 'host',
  cgroup_parent: 'm-executor-abcd',
  command: 'echo hi',
  configs: '[c]',
  'configs[].source': '[{source: c}]',
  'configs[].target': '[{source: c, target: /x}]',
  'configs[].mode': '[{source: c, mode: 0400}]',
  'configs[].uid': '[{source: c, uid: "1"}]',
  'configs[].gid': '[{source: c, gid: "1"}]',
  container_name: 'other',
  cpu_count: '2',
  cpu_percent: '50',
  cpu_period: '1000',
  cpu_quota: '1000',
  cpu_rt_period: '1000',
  cpu_rt_runtime: '1000',
  cpu_shares: '12',
  cpus: '1.5',
  cpuset: '0-1',
  credential_spec: '{file: a}',
  depends_on: '[db]',
  'depends_on.*.condition': '{db: {condition: service_healthy}}',
  'depends_on.*.required': '{db: {condition: service_started, required: false}}',
  'depends_on.*.restart': '{db: {condition: service_started, restart: true}}',
  deploy: '{replicas: 2}',
  'deploy.endpoint_mode': '{endpoint_mode: vip}',
  'deploy.labels': '{labels: {a: b}}',
  'deploy.mode': '{mode: global-job}',
  'deploy.placement': '{placement: {constraints: [a==b]}}',
  'deploy.replicas': '{replicas: 3}',
  'deploy.resources.limits.cpus': '{resources: {limits: {cpus: 2}}}',
  'deploy.resources.limits.memory': '{resources: {limits: {memory: 1g}}}',
  'deploy.resources.limits.pids': '{resources: {limits: {pids: 7}}}',
  'deploy.resources.reservations.cpus': '{resources: {reservations: {cpus: 2}}}',
  'deploy.resources.reservations.memory': '{resources: {reservations: {memory: 1g}}}',
  'deploy.resources.reservations.devices': '{resources: {reservations: {devices: [{count: 1, capabilities: [gpu]}]}}}',
  'deploy.resources.reservations.devices[].driver': '{resources: {reservations: {devices: [{driver: amd, count: 1, capabilities: [gpu]}]}}}',
  'deploy.resources.reservations.devices[].capabilities': '{resources: {reservations: {devices: [{count: 1, capabilities: [tpu]}]}}}',
  'deploy.resources.reservations.devices[].count': '{resources: {reservations: {devices: [{count: 2, capabilities: [gpu]}]}}}',
  'deploy.resources.reservations.devices[].device_ids': '{resources: {reservations: {devices: [{device_ids: ["0"], capabilities: [gpu]}]}}}',
  'deploy.resources.reservations.devices[].options': '{resources: {reservations: {devices: [{count: 1, capabilities: [gpu], options: {a: b}}]}}}',
  'deploy.resources.reservations.generic_resources': '{resources: {reservations: {generic_resources: [{discrete_resource_spec: {kind: a, value: 1}}]}}}',
  'deploy.restart_policy.condition': '{restart_policy: {condition: on-failure}}',
  'deploy.restart_policy.delay': '{restart_policy: {delay: 5s}}',
  'deploy.restart_policy.max_attempts': '{restart_policy: {max_attempts: 3}}',
  'deploy.restart_policy.window': '{restart_policy: {window: 5s}}',
  'deploy.rollback_config': '{rollback_config: {parallelism: 2}}',
  'deploy.update_config': '{update_config: {parallelism: 2}}',
  develop: '{watch: []}',
  device_cgroup_rules: '["c 1:3 mr"]',
  devices: '[/dev/kvm]',
  dns: '8.8.8.8',
  dns_opt: '[use-vc]',
  dns_search: 'example.com',
  domainname: 'example.com',
  entrypoint: '/run.sh',
  env_file: 'a.env',
  'env_file[].path': '[{path: a.env}]',
  'env_file[].required': '[{path: no.env, required: true}]',
  'env_file[].format': '[{path: a.env, format: raw}]',
  environment: '{A: b}',
  expose: '["3000"]',
  extends: '{service: base}',
  'extends.file': '{service: web, file: other.yaml}',
  'extends.service': '{service: base}',
  external_links: '[redis]',
  extra_hosts: '["a.example:203.0.113.1"]',
  gpus: '[{count: 1}]',
  'gpus[].driver': '[{driver: amd, count: 1}]',
  'gpus[].count': '[{count: 3}]',
  'gpus[].capabilities': '[{count: 1, capabilities: [tpu]}]',
  'gpus[].device_ids': '[{device_ids: ["0"]}]',
  'gpus[].options': '[{count: 1, options: {a: b}}]',
  group_add: '[mail]',
  'healthcheck.disable': '{disable: true}',
  'healthcheck.interval': '{interval: 5s}',
  'healthcheck.retries': '{retries: 5}',
  'healthcheck.start_interval': '{start_interval: 5s}',
  'healthcheck.start_period': '{start_period: 5s}',
  'healthcheck.test': '{test: [CMD, "true"]}',
  'healthcheck.timeout': '{timeout: 5s}',
  hostname: 'h',
  image: 'other',
  init: 'true',
  ipc: 'host',
  isolation: 'hyperv',
  label_file: 'labels',
  labels: '{a: b}',
  links: '["db:database"]',
  logging: '{driver: none}',
  'logging.options': '{options: {a: b}}',
  mac_address: '02:42:ac:11:65:43',
  mem_limit: '1g',
  mem_reservation: '1g',
  mem_swappiness: '10',
  memswap_limit: '2g',
  models: '[m]',
  network_mode: 'host',
  'networks.*.aliases': '{n: {aliases: [x]}}',
  'networks.*.driver_opts': '{n: {driver_opts: {a: b}}}',
  'networks.*.gw_priority': '{n: {gw_priority: 1}}',
  'networks.*.interface_name': '{n: {interface_name: eth9}}',
  'networks.*.ipv4_address': '{n: {ipv4_address: 172.16.1.1}}',
  'networks.*.ipv6_address': '{n: {ipv6_address: "2001:db8::1"}}',
  'networks.*.link_local_ips': '{n: {link_local_ips: [169.254.0.1]}}',
  'networks.*.mac_address': '{n: {mac_address: "02:42:ac:11:65:43"}}',
  'networks.*.priority': '{n: {priority: 5}}',
  oom_kill_disable: 'true',
  oom_score_adj: '5',
  pid: 'host',
  pids_limit: '7',
  platform: 'linux/arm64',
  ports: '["80:80"]',
  'ports[].app_protocol': '[{target: 80, app_protocol: tcp}]',
  'ports[].host_ip': '[{target: 80, host_ip: 127.0.0.1}]',
  'ports[].name': '[{target: 80, name: web}]',
  'ports[].mode': '[{target: 80, mode: host}]',
  'ports[].protocol': '[{target: 80, protocol: udp}]',
  'ports[].published': '[{target: 80, published: "8080"}]',
  'ports[].target': '[{target: 80}]',
  post_start: '[{command: a}]',
  pre_stop: '[{command: a}]',
  privileged: 'true',
  profiles: '[p]',
  provider: '{type: model}',
  pull_policy: 'always',
  pull_refresh_after: '1d',
  read_only: 'true',
  restart: 'always',
  runtime: 'nvidia',
  scale: '2',
  secrets: '[s]',
  'secrets[].source': '[{source: s}]',
  'secrets[].mode': '[{source: s, mode: 0400}]',
  'secrets[].target': '[{source: s, target: t}]',
  'secrets[].uid': '[{source: s, uid: "1"}]',
  'secrets[].gid': '[{source: s, gid: "1"}]',
  security_opt: '[seccomp:unconfined]',
  shm_size: '128m',
  stdin_open: 'true',
  stop_grace_period: '20s',
  stop_signal: 'SIGINT',
  storage_opt: '{size: 3g}',
  sysctls: '{net.core.somaxconn: 1024}',
  tmpfs: '/run',
  tty: 'true',
  'ulimits.*': '{nofile: 1000}',
  'ulimits.*.soft': '{nofile: {soft: 5, hard: 6}}',
  'ulimits.*.hard': '{nofile: {soft: 5, hard: 7}}',
  use_api_socket: 'true',
  user: '"1000"',
  userns_mode: 'host',
  uts: 'host',
  'volumes[].type': '[{type: npipe, source: a, target: /a}]',
  'volumes[].target': '[{type: volume, source: v, target: /b}]',
  'volumes[].source': '[{type: volume, source: v, target: /a}]',
  'volumes[].read_only': '[{type: volume, source: v, target: /a, read_only: true}]',
  'volumes[].consistency': '[{type: volume, source: v, target: /a, consistency: cached}]',
  'volumes[].bind.create_host_path': '[{type: bind, source: ./d, target: /a, bind: {create_host_path: true}}]',
  'volumes[].bind.propagation': '[{type: bind, source: ./d, target: /a, bind: {propagation: shared}}]',
  'volumes[].bind.recursive': '[{type: bind, source: ./d, target: /a, bind: {recursive: enabled}}]',
  'volumes[].bind.selinux': '[{type: bind, source: ./d, target: /a, bind: {selinux: z}}]',
  'volumes[].volume.nocopy': '[{type: volume, source: v, target: /a, volume: {nocopy: true}}]',
  'volumes[].volume.subpath': '[{type: volume, source: v, target: /a, volume: {subpath: s}}]',
  'volumes[].volume.labels': '[{type: volume, source: v, target: /a, volume: {labels: {a: b}}}]',
  'volumes[].tmpfs.size': '[{type: tmpfs, target: /a, tmpfs: {size: 3m}}]',
  'volumes[].tmpfs.mode': '[{type: tmpfs, target: /a, tmpfs: {mode: 0700}}]',
  'volumes[].image.subpath': '[{type: image, source: i, target: /a, image: {subpath: s}}]',
  volumes_from: '[db]',
  working_dir: '/srv',
}

const TOP: Record<string, string> = {
  'configs.*.content': 'configs: {c: {content: other}}',
  'configs.*.environment': 'configs: {c: {environment: NOT_SET}}',
  'configs.*.external': 'configs: {c: {external: true}}',
  'configs.*.file': 'configs: {c: {file: a.env}}',
  'configs.*.labels': 'configs: {c: {content: x, labels: {a: b}}}',
  'configs.*.name': 'configs: {c: {content: x, name: n}}',
  'configs.*.template_driver': 'configs: {c: {content: x, template_driver: golang}}',
  'include[]': 'include: [inc.yaml]',
  'include[].path': 'include: [{path: inc.yaml}]',
  'include[].project_directory': 'include: [{path: inc.yaml, project_directory: "../.."}]',
  'include[].env_file': 'include: [{path: inc.yaml, env_file: no.env}]',
  models: 'models: {m: {model: ai/x}}',
  name: 'name: No Name',
  'networks.*.attachable': 'networks: {n: {attachable: true}}',
  'networks.*.driver': 'networks: {n: {driver: overlay}}',
  'networks.*.driver_opts': 'networks: {n: {driver_opts: {a: b}}}',
  'networks.*.enable_ipv4': 'networks: {n: {enable_ipv4: false}}',
  'networks.*.enable_ipv6': 'networks: {n: {enable_ipv6: true}}',
  'networks.*.external': 'networks: {n: {external: true}}',
  'networks.*.internal': 'networks: {n: {internal: true}}',
  'networks.*.ipam': 'networks: {n: {ipam: {driver: default}}}',
  'networks.*.labels': 'networks: {n: {labels: {a: b}}}',
  'networks.*.name': 'networks: {n: {name: a}}',
  'secrets.*.driver': 'secrets: {s: {file: a.env, driver: d}}',
  'secrets.*.driver_opts': 'secrets: {s: {file: a.env, driver_opts: {a: b}}}',
  'secrets.*.file': 'secrets: {s: {file: inc.yaml}}',
  'secrets.*.environment': 'secrets: {s: {environment: NOT_SET}}',
  'secrets.*.external': 'secrets: {s: {external: true}}',
  'secrets.*.labels': 'secrets: {s: {file: a.env, labels: {a: b}}}',
  'secrets.*.name': 'secrets: {s: {file: a.env, name: n}}',
  'secrets.*.template_driver': 'secrets: {s: {file: a.env, template_driver: golang}}',
  'volumes.*.driver': 'volumes: {v: {driver: nfs}}',
  'volumes.*.driver_opts': 'volumes: {v: {driver_opts: {type: nfs}}}',
  'volumes.*.external': 'volumes: {v: {external: true}}',
  'volumes.*.labels': 'volumes: {v: {labels: {a: b}}}',
  'volumes.*.name': 'volumes: {v: {name: n}}',
}

/** Keys with keys below them that are refused or ignored as a whole, with what is below. */
const WHOLES: Record<string, [value: string, below: string]> = {
  blkio_config: ['{weight: 300}', 'device_read_bps device_read_iops device_write_bps device_write_iops weight weight_device'],
  credential_spec: ['{file: a}', 'config file registry'],
  'deploy.placement': ['{placement: {max_replicas_per_node: 1}}', 'constraints max_replicas_per_node preferences'],
  'deploy.rollback_config': ['{rollback_config: {order: x}}', 'delay failure_action max_failure_ratio monitor order parallelism'],
  'deploy.update_config': ['{update_config: {order: x}}', 'delay failure_action max_failure_ratio monitor order parallelism'],
  'deploy.resources.reservations.generic_resources': ['{resources: {reservations: {generic_resources: [{}]}}}', 'discrete_resource_spec'],
  devices: ['[{source: /dev/kvm}]', 'permissions source target'],
  logging: ['{driver: none}', 'driver options'],
  models: ['{m: {endpoint_var: A}}', 'endpoint_var model_var'],
  post_start: ['[{command: a}]', 'command environment privileged user working_dir'],
  pre_stop: ['[{command: a}]', 'command environment privileged user working_dir'],
  provider: ['{type: a}', 'options type'],
}

const BESIDE: Record<string, string> = {
  'a.env': 'X=1\n',
  labels: 'a=b\n',
  'inc.yaml': 'services: {more: {image: c}}\n',
  'other.yaml': 'services: {web: {image: a, command: base}}\n',
}
const look = (path: string) => (Object.hasOwn(BESIDE, path) ? { kind: 'file' as const, content: Buffer.from(BESIDE[path] ?? ''), mode: 0o644 } : undefined)

const REST: Record<string, string> = {
  configs: 'configs: {c: {content: x}}',
  secrets: 'secrets: {s: {file: a.env}}',
  networks: 'networks: {n: {}}',
  volumes: 'volumes: {v: {}}',
}

/** What becomes of a file that says `line` in its service `web`, and `top` at the top level. */
function outcome(line: string, top = '') {
  const own = top.split(':', 1)[0] ?? ''
  const rest = Object.entries(REST).map(([key, text]) => (key === own ? top : text))
  const web = `{ image: a, restart: "no", ${line} }`.replace(/^\{ image: a, (.*image: )/, '{ $1')
  const uses = top === '' ? '' : ', configs: [c], secrets: [s], networks: [n], volumes: ["v:/v"]'
  const text = `${Object.hasOwn(REST, own) ? '' : top}\nservices:\n  web: ${web}\n  db: { image: b${uses} }\n  base: { image: b, command: base }\n${rest.join('\n')}\n`
  try {
    const parsed = parseManifest(text, { file: 'compose.yaml', env: {}, look })
    return { manifest: toCanonicalJson(parsed.manifest), warnings: parsed.warnings, refused: undefined }
  } catch (error) {
    expect(error).toBeInstanceOf(ManifestError)
    return { manifest: '', warnings: [], refused: error as ManifestError }
  }
}

/** Whether a message's place is a key, or what holds it. */
function names(field: string, key: string): boolean {
  const wanted = key.replaceAll('[]', '').split('.')
  const found = field
    .replace(/^services\.web\./, '')
    .replace(/\[\d+\]/g, '')
    .split('.')
  return found.every((part, index) => wanted[index] === undefined || wanted[index] === '*' || wanted[index] === part)
}

describe('every key of the Compose specification', () => {
  const plain = outcome('')

  it.each(Object.entries(SERVICE))('services.*.%s is honoured, refused or warned of', (key, value) => {
    const found = outcome(`${key.split(/[.[]/, 1)[0]}: ${value}`)
    const spoken = [...found.warnings.map(({ field }) => field), ...(found.refused ? [found.refused.field] : [])]
    expect(found.manifest !== plain.manifest || spoken.some((field) => names(field, key))).toBe(true)
    if (found.refused) expect(found.refused.hint).toMatch(/\S/)
  })

  it.each(Object.entries(WHOLES))('services.*.%s is refused or ignored as a whole', (key, [value, below]) => {
    const found = outcome(`${key.split('.', 1)[0]}: ${value}`)
    const spoken = [...found.warnings.map(({ field }) => field), ...(found.refused ? [found.refused.field] : [])]
    expect(spoken).toContain(`services.web.${key}`)
    expect(below).toMatch(/\w/)
  })

  it.each(Object.entries(TOP))('%s is honoured, refused or warned of', (key, text) => {
    const found = outcome('', text)
    const before = outcome('', 'volumes: {v: {}}')
    const spoken = [...found.warnings.map(({ field }) => field), ...(found.refused ? [found.refused.field] : [])]
    expect(found.manifest !== before.manifest || spoken.some((field) => names(field, key))).toBe(true)
  })

  it.each([
    'configs: [{source: c, mod: 0400}]',
    'secrets: [{source: s, target_: x}]',
    'ports: [{target: 80, hostip: 127.0.0.1}]',
    'volumes: [{type: volume, source: v, target: /a, readonly: true}]',
    'volumes: [{type: tmpfs, target: /a, tmpfs: {uid: 1000}}]',
    'volumes: [{type: volume, source: v, target: /a, volume: {no_copy: true}}]',
    'volumes: [{type: bind, source: ./d, target: /a, bind: {read_only: true}}]',
    'env_file: [{path: a.env, requird: false}]',
    'depends_on: {db: {condtion: service_healthy}}',
    'healthcheck: {test: [CMD, a], interva: 1s}',
    'deploy: {resources: {limits: {cpu: 1}}}',
    'deploy: {restart_policy: {conditon: any}}',
    'networks: {n: {alias: [a]}}',
    'ulimits: {nofile: {soft: 1, hard: 2, medium: 3}}',
    'storage_opt: {sizes: 1g}',
    'extends: {service: base, files: x}',
    'gpus: [{count: 1, capability: [gpu]}]',
  ])('a key that nobody knows is refused by line: `%s`', (line) => {
    expect(outcome(line).refused?.message).toMatch(/^compose\.yaml:3 services\.web\..* is not a known field here/)
  })
})
