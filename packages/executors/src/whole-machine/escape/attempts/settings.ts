import type { Attempt } from '../attempt.ts'

const PROC_SYS = [
  ['kernel/core_pattern', 'name the program that the kernel runs for each crash'],
  ['kernel/modprobe', 'name the program that loads modules'],
  ['kernel/hotplug', 'name the program that hears of new devices'],
  ['kernel/sysrq', 'allow the keys of emergency'],
  ['kernel/panic', 'set what a panic does'],
  ['kernel/pid_max', 'set how many processes there may be'],
  ['kernel/randomize_va_space', 'end the randomness of addresses'],
  ['kernel/dmesg_restrict', 'open the kernel’s log to everybody'],
  ['kernel/kptr_restrict', 'show addresses of the kernel’s'],
  ['kernel/perf_event_paranoid', 'open performance counters to everybody'],
  ['kernel/unprivileged_bpf_disabled', 'open BPF to everybody'],
  ['vm/drop_caches', 'drop the host’s caches'],
  ['vm/overcommit_memory', 'set how memory is promised'],
  ['vm/swappiness', 'set how the host swaps'],
  ['fs/file-max', 'set how many files may be open'],
  ['fs/protected_hardlinks', 'let hard links be made to what is somebody else’s'],
  ['fs/suid_dumpable', 'let set-user-id programs leave dumps'],
  ['fs/binfmt_misc/register', 'register an interpreter'],
  ['net/core/bpf_jit_enable', 'set how BPF is compiled'],
  ['user/max_user_namespaces', 'set how many user namespaces there may be'],
] as const

const FILES = [
  ['/proc/sysrq-trigger', 'restart the host by its emergency keys'],
  ['/proc/irq/default_smp_affinity', 'steer interrupts'],
  ['/proc/mtrr', 'set how memory is cached'],
  ['/proc/acpi/wakeup', 'set what wakes the host'],
  ['/proc/scsi/scsi', 'take disks from the host'],
  ['/sys/kernel/uevent_helper', 'name the program that hears of devices'],
  ['/sys/power/state', 'put the host to sleep'],
  ['/sys/kernel/mm/transparent_hugepage/enabled', 'set how pages are made large'],
  ['/sys/class/net/lo/ifalias', 'name the host’s interfaces'],
  ['/sys/block/loop0/uevent', 'announce disks to the host'],
] as const

/** Settings of the one kernel that everybody shares. */
export const SETTINGS: readonly Attempt[] = [
  ...PROC_SYS.map(([path, what]) => ({ name: what, perl: `opens_to_write '/proc/sys/${path}'` })),
  ...FILES.map(([path, what]) => ({ name: what, perl: `opens_to_write '${path}'` })),
  {
    name: 'find any setting below /proc/sys or /sys that it may write',
    // Settings of the container's own namespaces are its own.
    perl: String.raw`
      my @left = ('/proc/sys', '/sys'); my $seen = 0;
      while (@left && $seen < 20000) {
        my $path = shift @left;
        next if $path =~ m{^/proc/sys/(net|kernel/(shm|msg|sem|hostname|domainname|ns_last_pid)|fs/mqueue)};
        if (-d $path && !-l $path) {
          opendir(my $d, $path) or next;
          push @left, map { "$path/$_" } grep { !/^\.\.?$/ } readdir $d;
        } elsif (-f $path) { $seen++; open(my $f, '+<', $path) && got("opened $path to write"); refused() }
      }`,
  },
  {
    name: 'raise the limits of its own control group',
    perl: String.raw`
      for my $line (split /\n/, slurp('/proc/self/cgroup')) {
        my (undef, $names, $path) = split /:/, $line, 3;
        for my $base ("/sys/fs/cgroup/$names$path", "/sys/fs/cgroup/$names", "/sys/fs/cgroup$path", '/sys/fs/cgroup') {
          opens_to_write "$base/$_" for qw(memory.max memory.limit_in_bytes pids.max cpu.max cpu.cfs_quota_us);
        }
      }`,
  },
  {
    name: 'leave its control group',
    perl: String.raw`
      for my $file (paths('/sys/fs/cgroup/cgroup.procs', '/sys/fs/cgroup/*/cgroup.procs', '/sys/fs/cgroup/*/tasks')) {
        writes $file, "$$\n";
      }
      $! = 2; refused()`,
  },
  {
    name: 'name the program that runs when a control group empties',
    perl: String.raw`
      opens_to_write $_ for paths('/sys/fs/cgroup/release_agent', '/sys/fs/cgroup/*/release_agent');
      mkdir '/tmp/rdma'; mounts 'cgroup', '/tmp/rdma', 'cgroup', 0, 'memory';
      opens_to_write '/tmp/rdma/release_agent'`,
  },
  { name: 'be spared when memory runs out', perl: `writes '/proc/self/oom_score_adj', '-1000'` },
  { name: 'set the clock', perl: `my $t = pack('q q', time, 0); gets 'clock_settime', 0, $t` },
  { name: 'set the host’s name', perl: `my $n = 'pwned'; gets 'sethostname', $n, 5` },
  { name: 'restart the host', perl: `gets 'reboot', 0xfee1dead, 672274793, 0, 0`, also: ['EINVAL'] },
  { name: 'load a module', perl: `my $m = "\\0" x 64; gets 'init_module', $m, 64, ''` },
  { name: 'load another kernel', perl: `gets 'kexec_load', 0, 0, 0, 0` },
  { name: 'swap to a file', perl: `gets 'swapon', '/tmp/swap', 0` },
  { name: 'account for processes', perl: `my $p = '/tmp/acct'; gets 'acct', $p` },
]
