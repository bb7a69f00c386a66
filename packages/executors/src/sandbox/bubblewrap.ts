/** What bubblewrap is to set up around one process. Paths on the host and inside. */
export interface Cell {
  root: string
  readOnlyRoot: boolean
  /** Mount points exist in the root already. */
  binds: { from: string; to: string; readOnly: boolean }[]
  tmpfs: { path: string; sizeMiB: number }[]
  env: Record<string, string>
  workingDir: string
  hostname: string
  /** Inside; on the host the same numbers where `mapUser` is false, the running user's where it is true. */
  uid: number
  gid: number
}

/** As Docker's defaults, less raw sockets, device nodes and audit. */
const CAPABILITIES = ['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID', 'KILL', 'NET_BIND_SERVICE', 'SETGID', 'SETUID', 'SETPCAP', 'SYS_CHROOT']

/** Descriptor the filter is read from, and the one that tells the child's process id. */
export const SECCOMP_FD = 9
export const INFO_FD = 8

/**
 * bubblewrap's arguments (bwrap(1)) for a cell: own process, IPC, host name and mount namespaces, the network namespace of
 * whoever calls, no new privileges, and Docker's capabilities for root or none for others. With `join`, the process, IPC
 * and host name namespaces are the caller's and `/proc` is bound from there.
 */
export function bubblewrapArguments(cell: Cell, privileged: boolean, join?: { proc: string; terminal: boolean }): string[] {
  const args = ['--die-with-parent', '--clearenv', '--seccomp', String(SECCOMP_FD)]
  if (!join?.terminal) args.push('--new-session')
  if (!join) args.push('--unshare-pid', '--unshare-ipc', '--unshare-uts', '--unshare-cgroup-try', '--hostname', cell.hostname, '--info-fd', String(INFO_FD))
  // Real root keeps its user namespace, so that services may change users as under Docker; everybody else gets one.
  if (privileged && cell.uid === 0)
    for (const capability of ['--cap-drop ALL', ...CAPABILITIES.map((c) => `--cap-add CAP_${c}`)]) args.push(...capability.split(' '))
  else args.push('--unshare-user', '--uid', String(cell.uid), '--gid', String(cell.gid))
  args.push(cell.readOnlyRoot ? '--ro-bind' : '--bind', cell.root, '/')
  if (join) args.push('--bind', join.proc, '/proc')
  else args.push('--proc', '/proc')
  args.push('--dev', '/dev')
  for (const mount of cell.tmpfs) args.push('--size', String(mount.sizeMiB * 1024 * 1024), '--perms', '1777', '--tmpfs', mount.path)
  for (const bind of cell.binds) args.push(bind.readOnly ? '--ro-bind' : '--bind', bind.from, bind.to)
  for (const [name, value] of Object.entries(cell.env)) args.push('--setenv', name, value)
  args.push('--chdir', cell.workingDir)
  return args
}
