import type { Attempt } from '../attempt.ts'

/** Mounts, devices and roots. */
export const FILES: readonly Attempt[] = [
  { name: 'mount a proc of its own', perl: `mkdir '/tmp/p'; mounts 'proc', '/tmp/p', 'proc', 0` },
  { name: 'mount a tmpfs of its own', perl: `mkdir '/tmp/p'; mounts 'none', '/tmp/p', 'tmpfs', 0` },
  { name: 'mount sysfs', perl: `mkdir '/tmp/p'; mounts 'none', '/tmp/p', 'sysfs', 0` },
  {
    name: 'mount control groups',
    perl: `mkdir '/tmp/p'; mounts 'none', '/tmp/p', 'cgroup2', 0; mounts 'none', '/tmp/p', 'cgroup', 0, 'pids'`,
  },
  { name: 'mount debugfs', perl: `mkdir '/tmp/p'; mounts 'none', '/tmp/p', 'debugfs', 0` },
  { name: 'mount the host’s disk', perl: `mkdir '/tmp/p'; mounts $host{disk}, '/tmp/p', 'ext4', 1` },
  {
    name: 'lay files over others',
    perl: `mkdir "/tmp/$_" for 'lo', 'up', 'wk'; mounts 'none', '/tmp/lo', 'overlay', 0, 'lowerdir=/,upperdir=/tmp/up,workdir=/tmp/wk'`,
  },
  { name: 'bind its root elsewhere', perl: `mkdir '/tmp/p'; mounts '/', '/tmp/p', '', 4096` },
  { name: 'bind nothing over a masked path', perl: `mounts '/dev/zero', '/proc/kcore', '', 4096` },
  {
    name: 'make /proc/sys writable again',
    perl: `mounts 'none', '/proc/sys', '', 4096 | 32; mounts 'none', '/proc', '', 32; mounts 'none', '/sys', '', 32`,
  },
  {
    name: 'take a mask off',
    perl: `gets 'umount2', $_, 2 for '/proc/kcore', '/proc/sys', '/proc/keys', '/sys/firmware'`,
  },
  {
    name: 'open a file system by the new calls',
    perl: `my $t = 'tmpfs'; gets 'fsopen', $t, 0`,
    also: ['ENOSYS'],
  },
  { name: 'copy a tree of mounts', perl: `my $r = '/'; gets 'open_tree', -100, $r, 1`, also: ['ENOSYS'] },
  {
    name: 'change the settings of a mount',
    perl: `my ($p, $a) = ('/', pack('Q4', 0, 1, 0, 0)); gets 'mount_setattr', -100, $p, 0, $a, 32`,
    also: ['ENOSYS'],
  },
  {
    name: 'swap its root',
    perl: `mkdir '/tmp/p'; my ($n, $o) = ('/tmp', '/tmp/p'); gets 'pivot_root', $n, $o`,
  },
  {
    name: 'climb out of a root within its root',
    perl: String.raw`
      mkdir '/tmp/jail'; opendir(my $out, '/') or refused();
      chroot('/tmp/jail') or refused();
      chdir '..' for 1 .. 64;
      chroot '.' or refused();
      got("saw $host{marker}") if -e $host{marker};
      $! = 2; refused()`,
  },
  {
    name: 'find a file of the host’s by any of its processes',
    perl: String.raw`
      for my $pid (map { m{/proc/(\d+)$} ? $1 : () } paths('/proc/*')) {
        got("/proc/$pid/root$host{marker}") if -e "/proc/$pid/root$host{marker}";
        for my $up (0 .. 12) {
          for my $fd (paths("/proc/$pid/fd/*", "/proc/$pid/cwd")) {
            my $path = $fd . ('/..' x $up) . $host{marker};
            got($path) if -e $path;
          }
        }
      }
      $! = 2; refused()`,
  },
  {
    name: 'make a device of the host’s disk',
    perl: `my $p = '/tmp/disk'; gets 'mknodat', -100, $p, 0060666, $host{diskNumber}`,
  },
  {
    name: 'make a device of the host’s memory',
    perl: `my $p = '/tmp/mem'; gets 'mknodat', -100, $p, 0020666, 0x101`,
  },
  {
    name: 'read a disk of the host’s',
    perl: `reads $_ for $host{disk}, paths('/dev/sd*', '/dev/vd*', '/dev/nvme*', '/dev/dm-*', '/dev/loop*'); $! = 2; refused()`,
  },
  {
    name: 'read a device that came with its image',
    perl: `reads '/image-devices/mem'; reads '/image-devices/disk'`,
  },
  { name: 'make virtual machines', perl: `opens_to_write '/dev/kvm'` },
  { name: 'make interfaces', perl: `opens_to_write '/dev/net/tun'` },
  {
    name: 'make file systems of its own',
    perl: `opens_to_write '/dev/fuse'; opens_to_write '/dev/loop-control'`,
  },
  {
    name: 'find a device that no container needs',
    perl: String.raw`
      my %usual = map { $_ => 1 } qw(null zero full random urandom tty console ptmx);
      for (paths('/dev/*')) { m{([^/]+)$}; next if $usual{$1} || -l $_; got($_) if -b $_ || -c $_ }
      $! = 2; refused()`,
  },
  {
    name: 'type into the terminal of whoever started it',
    perl: `for (0 .. 2) { open(my $f, "<&=$_") or next; my $c = "x"; gets 'ioctl', $_, 0x5412, $c }`,
    also: ['ENOTTY', 'EIO'],
  },
  {
    name: 'make a file that nobody can remove',
    perl: `if (open my $f, '>', "/tmp/kept$>") { my $flags = pack('L', 16); gets 'ioctl', fileno($f), 0x40086602, $flags } else { refused() }`,
    also: ['EOPNOTSUPP', 'ENOTTY'],
  },
  {
    name: 'write to a program of the host’s that looks in',
    perl: String.raw`
      for (my $begun = time; time < $begun + 3;) {
        for (paths('/proc/[0-9]*/exe')) {
          my $to = readlink $_ // next;
          next if $to =~ m{^/(usr/)?bin/};
          open(my $f, '+<', $_) && got("opened $to to write");
          refused();
        }
        select undef, undef, undef, 0.02;
      }
      $! = 2; refused()`,
    also: ['ETXTBSY'],
  },
  {
    name: 'write to what its engine lent it',
    perl: `opens_to_write $_ for '/etc/hosts', '/etc/resolv.conf', '/etc/hostname'`,
    by: 'user',
  },
]
