/**
 * The system call filter of sandboxed services, as the classic BPF program that bubblewrap loads. It denies, with EPERM,
 * what Docker's default profile (moby/profiles/seccomp) denies to a container without capabilities: kernel modules,
 * mounts, namespaces, keyrings, clocks, tracing of the kernel, and faking terminal input.
 */
export function seccompProgram(architecture: string = process.arch): Buffer {
  const table = TABLES[architecture]
  if (!table) throw new RangeError(`There is no system call table for ${architecture}.`)
  const program: Instruction[] = [
    [LOAD, 0, 0, OFFSET_ARCHITECTURE],
    [JUMP_EQUAL, 1, 0, table.audit],
    [RETURN, 0, 0, KILL_PROCESS],
    [LOAD, 0, 0, OFFSET_NUMBER],
    // The x32 interface of x86-64 has numbers of its own.
    [JUMP_AT_LEAST, 0, 1, 0x4000_0000],
    [RETURN, 0, 0, ERRNO + EPERM],
  ]
  for (const number of [...table.denied, ...DENIED_EVERYWHERE]) program.push([JUMP_EQUAL, 0, 1, number], [RETURN, 0, 0, ERRNO + EPERM])
  // glibc falls back to clone, whose flags can be looked at.
  program.push([JUMP_EQUAL, 0, 1, CLONE3], [RETURN, 0, 0, ERRNO + ENOSYS])
  program.push(
    [JUMP_EQUAL, 0, 3, table.clone],
    [LOAD, 0, 0, OFFSET_ARGUMENT_0],
    [JUMP_ANY_BIT, 0, 1, NAMESPACE_FLAGS],
    [RETURN, 0, 0, ERRNO + EPERM],
    [LOAD, 0, 0, OFFSET_NUMBER],
    [JUMP_EQUAL, 0, 4, table.ioctl],
    [LOAD, 0, 0, OFFSET_ARGUMENT_1],
    [JUMP_EQUAL, 1, 0, TIOCSTI],
    [JUMP_EQUAL, 0, 1, TIOCLINUX],
    [RETURN, 0, 0, ERRNO + EPERM],
    [RETURN, 0, 0, ALLOW],
  )
  const bytes = Buffer.alloc(program.length * 8)
  for (const [index, [code, yes, no, value]] of program.entries()) {
    bytes.writeUInt16LE(code, index * 8)
    bytes.writeUInt8(yes, index * 8 + 2)
    bytes.writeUInt8(no, index * 8 + 3)
    bytes.writeUInt32LE(value >>> 0, index * 8 + 4)
  }
  return bytes
}

type Instruction = [code: number, jumpIfTrue: number, jumpIfFalse: number, value: number]

// linux/bpf_common.h, linux/seccomp.h
const LOAD = 0x20
const JUMP_EQUAL = 0x15
const JUMP_AT_LEAST = 0x35
const JUMP_ANY_BIT = 0x45
const RETURN = 0x06
const OFFSET_NUMBER = 0
const OFFSET_ARCHITECTURE = 4
const OFFSET_ARGUMENT_0 = 16
const OFFSET_ARGUMENT_1 = 24
const KILL_PROCESS = 0x8000_0000
const ERRNO = 0x0005_0000
const ALLOW = 0x7fff_0000
const EPERM = 1
const ENOSYS = 38
const CLONE3 = 435
/** CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET}. */
const NAMESPACE_FLAGS = 0x7e02_0000
const TIOCSTI = 0x5412
const TIOCLINUX = 0x541c

/** io_uring_*, open_tree, move_mount, fsopen, fsconfig, fsmount, fspick, mount_setattr, quotactl_fd: one number everywhere. */
const DENIED_EVERYWHERE = [425, 426, 427, 428, 429, 430, 431, 432, 433, 442, 443]

/** asm/unistd_64.h and asm-generic/unistd.h. */
const TABLES: Record<string, { audit: number; clone: number; ioctl: number; denied: number[] }> = {
  x64: {
    audit: 0xc000_003e,
    clone: 56,
    ioctl: 16,
    // acct add_key bpf clock_adjtime clock_settime create_module delete_module finit_module init_module ioperm iopl kcmp
    // kexec_load kexec_file_load keyctl request_key lookup_dcookie mbind set_mempolicy get_mempolicy migrate_pages
    // move_pages mount umount2 name_to_handle_at open_by_handle_at nfsservctl perf_event_open pivot_root quotactl reboot
    // setns settimeofday swapon swapoff syslog sysfs unshare uselib userfaultfd ustat vhangup
    denied: [
      163, 248, 321, 305, 227, 174, 176, 313, 175, 173, 172, 312, 246, 320, 250, 249, 212, 237, 238, 239, 256, 279, 165, 166, 303, 304, 180, 298, 155, 179, 169,
      308, 164, 167, 168, 103, 139, 272, 134, 323, 136, 153,
    ],
  },
  arm64: {
    audit: 0xc000_00b7,
    clone: 220,
    ioctl: 29,
    // The same calls, where the architecture has them.
    denied: [
      89, 217, 280, 266, 112, 106, 273, 105, 272, 104, 294, 219, 218, 18, 235, 237, 236, 238, 239, 40, 39, 264, 265, 42, 241, 41, 60, 142, 268, 170, 224, 225,
      116, 97, 282, 58,
    ],
  },
}
