import type { Attempt } from '../attempt.ts'

/** What a kernel tells of itself and of others, and its calls that a container has no use for. */
export const KERNEL: readonly Attempt[] = [
  {
    name: 'read the host’s memory',
    perl: `reads '/proc/kcore'; reads '/dev/mem'; reads '/dev/kmem'; reads '/dev/port'`,
  },
  {
    name: 'read the kernel’s log',
    perl: `reads '/proc/kmsg'; reads '/dev/kmsg'; my $b = ' ' x 4096; gets 'syslog', 3, $b, 4096`,
  },
  {
    name: 'learn where the kernel lies',
    perl: `reads '/proc/kallsyms', qr/^(?!0+ )[0-9a-f]+ /m`,
    also: ['ENOENT'],
  },
  { name: 'read keys of others', perl: `reads '/proc/keys'; reads '/proc/key-users'` },
  { name: 'read timers of others', perl: `reads '/proc/timer_list'; reads '/proc/sched_debug'` },
  {
    name: 'read the firmware',
    perl: `opendir(my $d, '/sys/firmware') or refused(); got("saw $_") for grep { !/^\\.\\.?$/ } readdir $d; $! = 2; refused()`,
  },
  {
    name: 'read the hardware’s counters of energy',
    perl: `reads $_ for paths('/sys/devices/virtual/powercap/*/*/energy_uj'); $! = 2; refused()`,
  },
  {
    name: 'map physical pages',
    perl: `reads '/proc/kpagecount'; reads '/proc/kpageflags'; reads '/proc/kpagecgroup'`,
  },
  {
    name: 'read what drivers say',
    perl: `reads '/sys/kernel/debug/gpio'; reads '/sys/kernel/tracing/trace'; reads '/sys/kernel/security/lsm'`,
  },
  { name: 'run BPF programs', perl: `my $a = "\\0" x 128; gets 'bpf', 0, $a, 128`, also: ['EINVAL'] },
  {
    name: 'watch performance counters of the whole machine',
    perl: `my $a = pack('L L Q x112', 1, 128, 0); gets 'perf_event_open', $a, -1, 0, -1, 0`,
  },
  { name: 'use io_uring', perl: `my $p = "\\0" x 256; gets 'io_uring_setup', 4, $p`, also: ['ENOSYS'] },
  {
    name: 'take the machine’s slots for asynchronous input and output',
    perl: `my $c = pack('Q', 0); gets 'io_setup', 65536, $c`,
    also: ['ENOSYS'],
  },
  { name: 'handle its own page faults in the kernel', perl: `gets 'userfaultfd', 0`, also: ['ENOSYS'] },
  {
    name: 'add keys to a keyring',
    perl: `my ($t, $d) = ('user', 'escape'); gets 'add_key', $t, $d, $d, 6, -3`,
    also: ['ENOSYS'],
  },
  { name: 'join the keyring of a session', perl: `gets 'keyctl', 1, 0`, also: ['ENOSYS'] },
  {
    name: 'ask for a key',
    perl: `my ($t, $d) = ('user', 'escape'); gets 'request_key', $t, $d, 0, -3`,
    also: ['ENOSYS'],
  },
  { name: 'watch files of the whole system', perl: `gets 'fanotify_init', 0, 0` },
  {
    name: 'open files by their handles',
    perl: `my $h = pack('L l a128', 8, 1, pack('Q', 2)); gets 'open_by_handle_at', -100, $h, 0`,
  },
  {
    name: 'set quotas',
    perl: `my $d = '/dev/root'; my $q = ' ' x 128; gets 'quotactl', 0x80000700, $d, 0, $q`,
  },
  {
    name: 'take ports of the processor',
    perl: `gets 'iopl', 3; gets 'ioperm', 0x70, 2, 1`,
    also: ['ENOSYS'],
  },
  { name: 'run before everybody else', perl: `my $p = pack('l', 10); gets 'sched_setscheduler', 0, 1, $p` },
  { name: 'take a better place in the queue', perl: `gets 'setpriority', 0, 0, -10` },
  { name: 'move pages of others', perl: `gets 'move_pages', $host{process}, 0, 0, 0, 0, 0`, also: ['ESRCH'] },
  {
    name: 'raise its limit of open files',
    perl: `my $l = pack('Q Q', 1 << 20, 1 << 20); gets 'prlimit64', 0, 7, $l, 0`,
  },
  {
    name: 'get capabilities back',
    perl: `my $h = pack('L L', 0x20080522, 0); my $d = pack('L6', (~0 & 0xffffffff) x 6); gets 'capset', $h, $d`,
  },
  {
    name: 'have more than a container’s capabilities',
    // Docker's own set without raw sockets, device nodes, audit and file capabilities.
    perl: String.raw`
      for (slurp('/proc/self/status') =~ /^Cap(?:Inh|Prm|Eff|Bnd|Amb):\s*([0-9a-f]+)/mg) {
        my $more = hex($_) & ~0x405fb;
        got(sprintf 'capabilities %x', $more) if $more;
      }
      $! = 1; refused()`,
  },
  {
    name: 'become root by a set-user-id program',
    by: 'user',
    perl: String.raw`
      my $answer = ${'`'}/image-setuid/perl -e 'print $>'${'`'};
      got("user $answer") if $answer eq '0';
      $! = 1; refused()`,
  },
]
