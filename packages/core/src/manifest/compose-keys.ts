const NO_HOST = 'A lease shares nothing with its host; drop the field.'
const NO_PRIVILEGE = 'Services run without privileges; drop the field.'
const NO_HOOKS = 'Lifecycle hooks are not offered; put the step into the command.'
const NO_SHARES = 'what is leased is a limit, which is there in full'

/**
 * Fields of a Compose service that are refused, with what would do instead. One that asks for nothing
 * (`false`, empty) is let pass.
 */
export const REFUSED: Record<string, string> = {
  privileged: NO_PRIVILEGE,
  devices: 'GPUs are asked for under deploy.resources.reservations.devices; no other device is offered.',
  device_cgroup_rules: NO_PRIVILEGE,
  pid: NO_HOST,
  uts: NO_HOST,
  cgroup_parent: NO_HOST,
  external_links: 'A lease reaches no containers outside itself.',
  credential_spec: 'Workers run Linux; drop the field.',
  provider: 'Provider services are not offered.',
  use_api_socket: NO_HOST,
  post_start: NO_HOOKS,
  pre_stop: NO_HOOKS,
  models: 'Run the model server as a service.',
}

/** Fields of a Compose service that are ignored with a warning, and why that does no harm. */
export const IGNORED: Record<string, string> = {
  labels: 'labels have no effect',
  annotations: 'annotations have no effect',
  label_file: 'labels have no effect',
  logging: 'logs are kept by the worker; x-logs: false keeps none',
  pull_refresh_after: 'an image is pulled where the worker lacks it, by digest',
  develop: 'it concerns development only',
  attach: 'it concerns the local terminal only',
  cpu_shares: NO_SHARES,
  cpu_percent: NO_SHARES,
  cpu_period: 'state the limit as "cpus"',
  cpu_quota: 'state the limit as "cpus"',
  cpu_rt_period: 'real-time scheduling is not offered',
  cpu_rt_runtime: 'real-time scheduling is not offered',
  cpuset: 'the worker chooses which of its CPUs you get',
  mem_swappiness: 'swap is off',
  memswap_limit: 'swap is off',
  oom_score_adj: 'a service that exceeds its memory ends by itself',
  oom_kill_disable: 'a service that exceeds its memory ends by itself',
  blkio_config: 'disk bandwidth is not weighted',
  dns: "name servers are the worker's",
  dns_opt: "name servers are the worker's",
  dns_search: 'names are looked up as they are written',
  domainname: 'services find each other by name',
  userns_mode: 'users of a container are its own, and root in it is nobody on the worker',
  mac_address: "addresses are the worker's to choose",
}
