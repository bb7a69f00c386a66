/**
 * The capabilities a workload may be given: Docker's default set less raw sockets and device nodes (moby,
 * `oci/caps/defaults.go`).
 */
export const CAPABILITIES = [
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'NET_BIND_SERVICE',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
] as const

export type Capability = (typeof CAPABILITIES)[number]

/** What a service has that says nothing of capabilities. */
export const DEFAULT_CAPABILITIES: readonly Capability[] = CAPABILITIES.filter(
  (name) => name !== 'AUDIT_WRITE' && name !== 'SETFCAP',
)

/**
 * Kernel settings that belong to a container's own namespaces and reach nothing beyond them (Linux,
 * `Documentation/admin-guide/sysctl`). Settings of buffers are left out: what they allow isn't charged to a
 * container everywhere.
 */
const SYSCTLS = new Set([
  'fs.mqueue.msg_default',
  'fs.mqueue.msg_max',
  'fs.mqueue.msgsize_default',
  'fs.mqueue.msgsize_max',
  'fs.mqueue.queues_max',
  'kernel.msgmax',
  'kernel.msgmnb',
  'kernel.msgmni',
  'kernel.sem',
  'kernel.shm_rmid_forced',
  'kernel.shmall',
  'kernel.shmmax',
  'kernel.shmmni',
  'net.core.somaxconn',
  'net.ipv4.conf.all.src_valid_mark',
  'net.ipv4.ip_default_ttl',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.tcp_fastopen',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_max_syn_backlog',
  'net.ipv4.tcp_mtu_probing',
  'net.ipv4.tcp_notsent_lowat',
  'net.ipv4.tcp_retries1',
  'net.ipv4.tcp_retries2',
  'net.ipv4.tcp_sack',
  'net.ipv4.tcp_slow_start_after_idle',
  'net.ipv4.tcp_syn_retries',
  'net.ipv4.tcp_synack_retries',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.tcp_timestamps',
  'net.ipv4.tcp_tw_reuse',
  'net.ipv4.tcp_window_scaling',
  'net.ipv6.conf.all.disable_ipv6',
  'net.ipv6.conf.default.disable_ipv6',
  'net.ipv6.conf.lo.disable_ipv6',
  'net.unix.max_dgram_qlen',
])

/** Whether a service may set a kernel setting. */
export function isOwnSysctl(name: string): boolean {
  return SYSCTLS.has(name)
}
