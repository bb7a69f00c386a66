/**
 * What the Compose specification knows: every place of its JSON schema and the kinds of values there, a line
 * each. Source: compose-spec/compose-spec, schema/compose-spec.json at
 * 170098ba07d9f53c383a41bfd4c5166b0a4529a6 (Apache-2.0). Made by scripts/schema-keys.ts, which says how to
 * read it.
 */
export const COMPOSE_SPEC = `
version: string
name: string
include: list
include[]: mapping string
include[].path: list string
include[].path[]: string
include[].env_file: list string
include[].env_file[]: string
include[].project_directory: string
services: mapping
services.*: mapping
services.*.develop: mapping null
services.*.develop.watch: list
services.*.develop.watch[]: mapping
services.*.develop.watch[].ignore: list string
services.*.develop.watch[].ignore[]: string
services.*.develop.watch[].include: list string
services.*.develop.watch[].include[]: string
services.*.develop.watch[].path: string
services.*.develop.watch[].action: string
services.*.develop.watch[].target: string
services.*.develop.watch[].exec: mapping
services.*.develop.watch[].exec.command: list null string
services.*.develop.watch[].exec.command[]: string
services.*.develop.watch[].exec.user: string
services.*.develop.watch[].exec.privileged: boolean string
services.*.develop.watch[].exec.working_dir: string
services.*.develop.watch[].exec.environment: list mapping
services.*.develop.watch[].exec.environment.*: boolean null number string
services.*.develop.watch[].exec.environment[]: string
services.*.develop.watch[].initial_sync: boolean
services.*.deploy: mapping null
services.*.deploy.mode: string
services.*.deploy.endpoint_mode: string
services.*.deploy.replicas: integer string
services.*.deploy.labels: list mapping
services.*.deploy.labels.*: boolean null number string
services.*.deploy.labels[]: string
services.*.deploy.rollback_config: mapping
services.*.deploy.rollback_config.parallelism: integer string
services.*.deploy.rollback_config.delay: string
services.*.deploy.rollback_config.failure_action: string
services.*.deploy.rollback_config.monitor: string
services.*.deploy.rollback_config.max_failure_ratio: number string
services.*.deploy.rollback_config.order: string
services.*.deploy.update_config: mapping
services.*.deploy.update_config.parallelism: integer string
services.*.deploy.update_config.delay: string
services.*.deploy.update_config.failure_action: string
services.*.deploy.update_config.monitor: string
services.*.deploy.update_config.max_failure_ratio: number string
services.*.deploy.update_config.order: string
services.*.deploy.resources: mapping
services.*.deploy.resources.limits: mapping
services.*.deploy.resources.limits.cpus: number string
services.*.deploy.resources.limits.memory: string
services.*.deploy.resources.limits.pids: integer string
services.*.deploy.resources.reservations: mapping
services.*.deploy.resources.reservations.cpus: number string
services.*.deploy.resources.reservations.memory: string
services.*.deploy.resources.reservations.generic_resources: list
services.*.deploy.resources.reservations.generic_resources[]: mapping
services.*.deploy.resources.reservations.generic_resources[].discrete_resource_spec: mapping
services.*.deploy.resources.reservations.generic_resources[].discrete_resource_spec.kind: string
services.*.deploy.resources.reservations.generic_resources[].discrete_resource_spec.value: number string
services.*.deploy.resources.reservations.devices: list
services.*.deploy.resources.reservations.devices[]: mapping
services.*.deploy.resources.reservations.devices[].capabilities: list
services.*.deploy.resources.reservations.devices[].capabilities[]: string
services.*.deploy.resources.reservations.devices[].count: integer string
services.*.deploy.resources.reservations.devices[].device_ids: list
services.*.deploy.resources.reservations.devices[].device_ids[]: string
services.*.deploy.resources.reservations.devices[].driver: string
services.*.deploy.resources.reservations.devices[].options: list mapping
services.*.deploy.resources.reservations.devices[].options.*: boolean null number string
services.*.deploy.resources.reservations.devices[].options[]: string
services.*.deploy.restart_policy: mapping
services.*.deploy.restart_policy.condition: string
services.*.deploy.restart_policy.delay: string
services.*.deploy.restart_policy.max_attempts: integer string
services.*.deploy.restart_policy.window: string
services.*.deploy.placement: mapping
services.*.deploy.placement.constraints: list
services.*.deploy.placement.constraints[]: string
services.*.deploy.placement.preferences: list
services.*.deploy.placement.preferences[]: mapping
services.*.deploy.placement.preferences[].spread: string
services.*.deploy.placement.max_replicas_per_node: integer string
services.*.annotations: list mapping
services.*.annotations.*: boolean null number string
services.*.annotations[]: string
services.*.attach: boolean string
services.*.build: mapping string
services.*.build.context: string
services.*.build.dockerfile: string
services.*.build.dockerfile_inline: string
services.*.build.entitlements: list
services.*.build.entitlements[]: string
services.*.build.args: list mapping
services.*.build.args.*: boolean null number string
services.*.build.args[]: string
services.*.build.ssh: list mapping
services.*.build.ssh.*: boolean null number string
services.*.build.ssh[]: string
services.*.build.labels: list mapping
services.*.build.labels.*: boolean null number string
services.*.build.labels[]: string
services.*.build.cache_from: list
services.*.build.cache_from[]: string
services.*.build.cache_to: list
services.*.build.cache_to[]: string
services.*.build.no_cache: boolean string
services.*.build.additional_contexts: list mapping
services.*.build.additional_contexts.*: boolean null number string
services.*.build.additional_contexts[]: string
services.*.build.network: string
services.*.build.provenance: boolean string
services.*.build.sbom: boolean string
services.*.build.pull: boolean string
services.*.build.target: string
services.*.build.shm_size: integer string
services.*.build.extra_hosts: list mapping
services.*.build.extra_hosts.*: list string
services.*.build.extra_hosts.*[]: string
services.*.build.extra_hosts[]: string
services.*.build.isolation: string
services.*.build.privileged: boolean string
services.*.build.secrets: list
services.*.build.secrets[]: mapping string
services.*.build.secrets[].source: string
services.*.build.secrets[].target: string
services.*.build.secrets[].uid: string
services.*.build.secrets[].gid: string
services.*.build.secrets[].mode: number string
services.*.build.tags: list
services.*.build.tags[]: string
services.*.build.ulimits: mapping
services.*.build.ulimits.*: integer mapping string
services.*.build.ulimits.*.hard: integer string
services.*.build.ulimits.*.soft: integer string
services.*.build.platforms: list
services.*.build.platforms[]: string
services.*.blkio_config: mapping
services.*.blkio_config.device_read_bps: list
services.*.blkio_config.device_read_bps[]: mapping
services.*.blkio_config.device_read_bps[].path: string
services.*.blkio_config.device_read_bps[].rate: integer string
services.*.blkio_config.device_read_iops: list
services.*.blkio_config.device_read_iops[]: mapping
services.*.blkio_config.device_read_iops[].path: string
services.*.blkio_config.device_read_iops[].rate: integer string
services.*.blkio_config.device_write_bps: list
services.*.blkio_config.device_write_bps[]: mapping
services.*.blkio_config.device_write_bps[].path: string
services.*.blkio_config.device_write_bps[].rate: integer string
services.*.blkio_config.device_write_iops: list
services.*.blkio_config.device_write_iops[]: mapping
services.*.blkio_config.device_write_iops[].path: string
services.*.blkio_config.device_write_iops[].rate: integer string
services.*.blkio_config.weight: integer string
services.*.blkio_config.weight_device: list
services.*.blkio_config.weight_device[]: mapping
services.*.blkio_config.weight_device[].path: string
services.*.blkio_config.weight_device[].weight: integer string
services.*.cap_add: list
services.*.cap_add[]: string
services.*.cap_drop: list
services.*.cap_drop[]: string
services.*.cgroup: string
services.*.cgroup_parent: string
services.*.command: list null string
services.*.command[]: string
services.*.configs: list
services.*.configs[]: mapping string
services.*.configs[].source: string
services.*.configs[].target: string
services.*.configs[].uid: string
services.*.configs[].gid: string
services.*.configs[].mode: number string
services.*.container_name: string
services.*.cpu_count: integer string
services.*.cpu_percent: integer string
services.*.cpu_shares: number string
services.*.cpu_quota: number string
services.*.cpu_period: number string
services.*.cpu_rt_period: number string
services.*.cpu_rt_runtime: number string
services.*.cpus: number string
services.*.cpuset: string
services.*.credential_spec: mapping
services.*.credential_spec.config: string
services.*.credential_spec.file: string
services.*.credential_spec.registry: string
services.*.depends_on: list mapping
services.*.depends_on[]: string
services.*.depends_on.*: mapping
services.*.depends_on.*.restart: boolean string
services.*.depends_on.*.required: boolean
services.*.depends_on.*.condition: string
services.*.device_cgroup_rules: list
services.*.device_cgroup_rules[]: string
services.*.devices: list
services.*.devices[]: mapping string
services.*.devices[].source: string
services.*.devices[].target: string
services.*.devices[].permissions: string
services.*.dns: list string
services.*.dns[]: string
services.*.dns_opt: list
services.*.dns_opt[]: string
services.*.dns_search: list string
services.*.dns_search[]: string
services.*.domainname: string
services.*.entrypoint: list null string
services.*.entrypoint[]: string
services.*.env_file: list string
services.*.env_file[]: mapping string
services.*.env_file[].path: string
services.*.env_file[].format: string
services.*.env_file[].required: boolean string
services.*.label_file: list string
services.*.label_file[]: string
services.*.environment: list mapping
services.*.environment.*: boolean null number string
services.*.environment[]: string
services.*.expose: list
services.*.expose[]: number string
services.*.extends: mapping string
services.*.extends.service: string
services.*.extends.file: string
services.*.provider: mapping
services.*.provider.type: string
services.*.provider.options: mapping
services.*.provider.options.*: boolean list number string
services.*.provider.options.*[]: boolean number string
services.*.external_links: list
services.*.external_links[]: string
services.*.extra_hosts: list mapping
services.*.extra_hosts.*: list string
services.*.extra_hosts.*[]: string
services.*.extra_hosts[]: string
services.*.gpus: list string
services.*.gpus[]: mapping+
services.*.gpus[].capabilities: list
services.*.gpus[].capabilities[]: string
services.*.gpus[].count: integer string
services.*.gpus[].device_ids: list
services.*.gpus[].device_ids[]: string
services.*.gpus[].driver: string
services.*.gpus[].options: list mapping
services.*.gpus[].options.*: boolean null number string
services.*.gpus[].options[]: string
services.*.group_add: list
services.*.group_add[]: number string
services.*.healthcheck: mapping
services.*.healthcheck.disable: boolean string
services.*.healthcheck.interval: string
services.*.healthcheck.retries: number string
services.*.healthcheck.test: list string
services.*.healthcheck.test[]: string
services.*.healthcheck.timeout: string
services.*.healthcheck.start_period: string
services.*.healthcheck.start_interval: string
services.*.hostname: string
services.*.image: string
services.*.init: boolean string
services.*.ipc: string
services.*.isolation: string
services.*.labels: list mapping
services.*.labels.*: boolean null number string
services.*.labels[]: string
services.*.links: list
services.*.links[]: string
services.*.logging: mapping
services.*.logging.driver: string
services.*.logging.options: mapping
services.*.logging.options.*: null number string
services.*.mac_address: string
services.*.mem_limit: number string
services.*.mem_reservation: integer string
services.*.mem_swappiness: integer string
services.*.memswap_limit: number string
services.*.network_mode: string
services.*.models: list mapping
services.*.models[]: string
services.*.models.*: mapping
services.*.models.*.endpoint_var: string
services.*.models.*.model_var: string
services.*.networks: list mapping
services.*.networks[]: string
services.*.networks.*: mapping null
services.*.networks.*.aliases: list
services.*.networks.*.aliases[]: string
services.*.networks.*.interface_name: string
services.*.networks.*.ipv4_address: string
services.*.networks.*.ipv6_address: string
services.*.networks.*.link_local_ips: list
services.*.networks.*.link_local_ips[]: string
services.*.networks.*.mac_address: string
services.*.networks.*.driver_opts: mapping
services.*.networks.*.driver_opts.*: number string
services.*.networks.*.priority: number
services.*.networks.*.gw_priority: number
services.*.oom_kill_disable: boolean string
services.*.oom_score_adj: integer string
services.*.pid: null string
services.*.pids_limit: number string
services.*.platform: string
services.*.ports: list
services.*.ports[]: mapping number string
services.*.ports[].name: string
services.*.ports[].mode: string
services.*.ports[].host_ip: string
services.*.ports[].target: integer string
services.*.ports[].published: integer string
services.*.ports[].protocol: string
services.*.ports[].app_protocol: string
services.*.post_start: list
services.*.post_start[]: mapping
services.*.post_start[].command: list null string
services.*.post_start[].command[]: string
services.*.post_start[].user: string
services.*.post_start[].privileged: boolean string
services.*.post_start[].working_dir: string
services.*.post_start[].environment: list mapping
services.*.post_start[].environment.*: boolean null number string
services.*.post_start[].environment[]: string
services.*.pre_stop: list
services.*.pre_stop[]: mapping
services.*.pre_stop[].command: list null string
services.*.pre_stop[].command[]: string
services.*.pre_stop[].user: string
services.*.pre_stop[].privileged: boolean string
services.*.pre_stop[].working_dir: string
services.*.pre_stop[].environment: list mapping
services.*.pre_stop[].environment.*: boolean null number string
services.*.pre_stop[].environment[]: string
services.*.privileged: boolean string
services.*.profiles: list
services.*.profiles[]: string
services.*.pull_policy: string
services.*.pull_refresh_after: string
services.*.read_only: boolean string
services.*.restart: string
services.*.runtime: string
services.*.scale: integer string
services.*.security_opt: list
services.*.security_opt[]: string
services.*.shm_size: number string
services.*.secrets: list
services.*.secrets[]: mapping string
services.*.secrets[].source: string
services.*.secrets[].target: string
services.*.secrets[].uid: string
services.*.secrets[].gid: string
services.*.secrets[].mode: number string
services.*.sysctls: list mapping
services.*.sysctls.*: boolean null number string
services.*.sysctls[]: string
services.*.stdin_open: boolean string
services.*.stop_grace_period: string
services.*.stop_signal: string
services.*.storage_opt: mapping+
services.*.tmpfs: list string
services.*.tmpfs[]: string
services.*.tty: boolean string
services.*.ulimits: mapping
services.*.ulimits.*: integer mapping string
services.*.ulimits.*.hard: integer string
services.*.ulimits.*.soft: integer string
services.*.use_api_socket: boolean
services.*.user: string
services.*.uts: string
services.*.userns_mode: string
services.*.volumes: list
services.*.volumes[]: mapping string
services.*.volumes[].type: string
services.*.volumes[].source: string
services.*.volumes[].target: string
services.*.volumes[].read_only: boolean string
services.*.volumes[].consistency: string
services.*.volumes[].bind: mapping
services.*.volumes[].bind.propagation: string
services.*.volumes[].bind.create_host_path: boolean string
services.*.volumes[].bind.recursive: string
services.*.volumes[].bind.selinux: string
services.*.volumes[].volume: mapping
services.*.volumes[].volume.labels: list mapping
services.*.volumes[].volume.labels.*: boolean null number string
services.*.volumes[].volume.labels[]: string
services.*.volumes[].volume.nocopy: boolean string
services.*.volumes[].volume.subpath: string
services.*.volumes[].tmpfs: mapping
services.*.volumes[].tmpfs.size: integer string
services.*.volumes[].tmpfs.mode: number string
services.*.volumes[].image: mapping
services.*.volumes[].image.subpath: string
services.*.volumes_from: list
services.*.volumes_from[]: string
services.*.working_dir: string
models: mapping
models.*: mapping
models.*.name: string
models.*.model: string
models.*.context_size: integer
models.*.runtime_flags: list
models.*.runtime_flags[]: string
networks: mapping
networks.*: mapping null
networks.*.name: string
networks.*.driver: string
networks.*.driver_opts: mapping
networks.*.driver_opts.*: number string
networks.*.ipam: mapping
networks.*.ipam.driver: string
networks.*.ipam.config: list
networks.*.ipam.config[]: mapping
networks.*.ipam.config[].subnet: string
networks.*.ipam.config[].ip_range: string
networks.*.ipam.config[].gateway: string
networks.*.ipam.config[].aux_addresses: mapping
networks.*.ipam.config[].aux_addresses.*: string
networks.*.ipam.options: mapping
networks.*.ipam.options.*: string
networks.*.external: boolean mapping string
networks.*.external.name: string
networks.*.internal: boolean string
networks.*.enable_ipv4: boolean string
networks.*.enable_ipv6: boolean string
networks.*.attachable: boolean string
networks.*.labels: list mapping
networks.*.labels.*: boolean null number string
networks.*.labels[]: string
volumes: mapping
volumes.*: mapping null
volumes.*.name: string
volumes.*.driver: string
volumes.*.driver_opts: mapping
volumes.*.driver_opts.*: number string
volumes.*.external: boolean mapping string
volumes.*.external.name: string
volumes.*.labels: list mapping
volumes.*.labels.*: boolean null number string
volumes.*.labels[]: string
secrets: mapping
secrets.*: mapping
secrets.*.name: string
secrets.*.environment: string
secrets.*.file: string
secrets.*.external: boolean mapping+ string
secrets.*.external.name: string
secrets.*.labels: list mapping
secrets.*.labels.*: boolean null number string
secrets.*.labels[]: string
secrets.*.driver: string
secrets.*.driver_opts: mapping
secrets.*.driver_opts.*: number string
secrets.*.template_driver: string
configs: mapping
configs.*: mapping
configs.*.name: string
configs.*.content: string
configs.*.environment: string
configs.*.file: string
configs.*.external: boolean mapping+ string
configs.*.external.name: string
configs.*.labels: list mapping
configs.*.labels.*: boolean null number string
configs.*.labels[]: string
configs.*.template_driver: string
`
