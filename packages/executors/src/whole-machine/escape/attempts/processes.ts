import type { Attempt } from '../attempt.ts'

/** Namespaces, processes of others, and the network. */
export const PROCESSES: readonly Attempt[] = [
  { name: 'make a user namespace', perl: `gets 'unshare', 0x10000000`, also: ['ENOSPC'] },
  { name: 'make a mount namespace', perl: `gets 'unshare', 0x20000` },
  { name: 'make a network namespace', perl: `gets 'unshare', 0x40000000` },
  { name: 'make a pid namespace', perl: `gets 'unshare', 0x20000000` },
  {
    name: 'fork into a user namespace',
    perl: `my $r = call('clone', 0x10000000 | 17, 0, 0, 0, 0); if (defined $r) { exit 0 if $r == 0; got('forked') }`,
    also: ['ENOSPC'],
  },
  {
    name: 'fork into a user namespace by the new call',
    perl: `my $a = pack('Q8', 0x10000000, 0, 0, 0, 17, 0, 0, 0); my $r = call('clone3', $a, 64); if (defined $r) { exit 0 if $r == 0; got('forked') }`,
    also: ['ENOSYS', 'ENOSPC'],
  },
  {
    name: 'join namespaces',
    perl: `for (qw(mnt pid net user uts ipc cgroup)) { open(my $f, '<', "/proc/1/ns/$_") or refused(); gets 'setns', fileno($f), 0 if $f }`,
    also: ['EINVAL'],
  },
  {
    name: 'signal a process of the host’s',
    perl: `gets 'kill', $host{process}, 0; gets 'kill', $host{other}, 0`,
    also: ['ESRCH'],
  },
  {
    name: 'hold a process of the host’s',
    perl: `gets 'pidfd_open', $host{process}, 0; gets 'pidfd_open', $host{other}, 0`,
    also: ['ESRCH'],
  },
  {
    name: 'trace a process of the host’s or of another lease',
    perl: `gets 'ptrace', 16, $host{process}, 0, 0; gets 'ptrace', 16, $host{other}, 0, 0`,
    also: ['ESRCH'],
  },
  {
    name: 'read the memory of another lease’s process',
    perl: `my $b = ' ' x 8; my $v = pack('P Q', $b, 8); my $r = pack('Q Q', 0x400000, 8); gets 'process_vm_readv', $host{other}, $v, 1, $r, 1, 0`,
    also: ['ESRCH'],
  },
  {
    name: 'see a process of another lease or of the host’s',
    perl: `for (paths('/proc/[0-9]*/cmdline')) { my $line = slurp($_); got($line) if $line =~ /$host{secret}/ } $! = 2; refused()`,
  },
  {
    name: 'read shared memory, queues or semaphores of others',
    perl: String.raw`
      got("$_: " . slurp($_)) for grep { slurp($_) =~ /\n./ } paths('/proc/sysvipc/*');
      got($_) for grep { /$host{secret}/ } paths('/dev/shm/*'); $! = 2; refused()`,
  },
  {
    name: 'make raw sockets',
    perl: `socket(my $s, 2, 3, 1) ? got('an ICMP socket') : refused(); socket($s, 10, 3, 58) ? got('an ICMPv6 socket') : refused()`,
    also: ['EAFNOSUPPORT'],
  },
  {
    name: 'see packets on the wire',
    perl: `socket(my $s, 17, 3, 0x300) ? got('a packet socket') : refused()`,
    also: ['EAFNOSUPPORT'],
  },
  {
    name: 'speak to the hypervisor past the network',
    perl: `socket(my $s, 40, 1, 0) ? got('a vsock socket') : refused()`,
    also: ['EAFNOSUPPORT'],
  },
  {
    name: 'use the kernel’s ciphers',
    perl: `socket(my $s, 38, 5, 0) ? got('an AF_ALG socket') : refused()`,
    also: ['EAFNOSUPPORT'],
  },
  {
    name: 'use families of sockets that nobody needs',
    perl: `for (9, 15, 21, 29, 30, 31, 42, 43, 44) { socket(my $s, $_, 2, 0) && got("family $_"); refused(); socket($s, $_, 5, 0) && got("family $_"); refused(); socket($s, $_, 3, 1) && got("family $_"); refused() }`,
    also: ['EAFNOSUPPORT', 'ESOCKTNOSUPPORT', 'EPROTONOSUPPORT', 'EINVAL'],
  },
  {
    name: 'set an address of its own',
    perl: `socket(my $s, 2, 2, 0) or refused(); my $i = pack('a16 S n a4 x8', 'lo', 2, 0, address4('10.99.0.1')); gets 'ioctl', fileno($s), 0x8916, $i`,
  },
  {
    name: 'take its filter down',
    perl: String.raw`
      socket(my $s, 16, 3, 12) or refused();
      # A batch that deletes every table: begin, NFT_MSG_DELTABLE, end.
      my $part = sub { my ($type, $flags, $body) = @_; pack('L S S L L', 16 + length $body, $type, $flags, 1, 0) . $body };
      my $batch = $part->(0x10, 1, pack('C C n', 0, 0, 10)) . $part->(0xa02, 5, pack('C C n', 0, 0, 0)) . $part->(0x11, 1, pack('C C n', 0, 0, 10));
      send($s, $batch, 0, pack('S S L L', 16, 0, 0, 0)) // refused();
      recv($s, my $answer, 8192, 0) // refused();
      my ($length, $type, $flags, $sequence, $port, $error) = unpack('L S S L L l', $answer);
      $type == 2 && $error == 0 ? got('every table is gone') : do { $! = -$error; refused() }`,
    also: ['EAFNOSUPPORT', 'EPROTONOSUPPORT'],
  },
  {
    name: 'reach a socket of the host’s by its abstract name',
    perl: `reaches 'the socket', pack('S a*', 1, "\\0$host{abstract}")`,
    also: ['ECONNREFUSED'],
  },
  {
    name: 'reach the host’s loopback',
    perl: `reaches4 $_, $host{port} for '127.0.0.1', '127.1.2.3', '0.0.0.0'; reaches6 '0' x 31 . '1', $host{port}; reaches6 '0' x 20 . 'ffff7f000001', $host{port}`,
    also: ['ECONNREFUSED', 'EADDRNOTAVAIL', 'ENETUNREACH', 'EAFNOSUPPORT'],
  },
  {
    name: 'reach the worker by any address of the host’s',
    perl: `
      my @scopes = map { hex } slurp('/proc/net/if_inet6') =~ /^\\S+ (\\S+) .*(?<! lo)$/mg;
      together(
        (map { my $to = $_; sub { reaches4 $to, $host{port} } } @{$host{addresses4}}),
        (map { my $to = $_; map { my $scope = $_; sub { reaches6 $to, $host{port}, $scope } } @scopes } @{$host{addresses6}}),
      )`,
    also: [
      'ECONNREFUSED',
      'EHOSTUNREACH',
      'ENETUNREACH',
      'ETIMEDOUT',
      'EADDRNOTAVAIL',
      'EINVAL',
      'ENODEV',
      'EAFNOSUPPORT',
    ],
  },
  {
    name: 'reach the host by its own gateway',
    perl: String.raw`
      for (map { [split] } split /\n/, slurp('/proc/net/route')) {
        next unless ($_->[2] // '') =~ /^[0-9A-F]{8}$/ && $_->[2] ne '00000000';
        reaches4 join('.', reverse unpack('C4', pack('H8', $_->[2]))), $host{port};
      }
      $! = 2; refused()`,
    also: ['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT'],
  },
  {
    name: 'reach a server on a network of the provider’s, or where clouds keep their secrets',
    perl: `reaches4 $_, $host{port} for @{$host{inside}}`,
    also: ['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT'],
  },
  {
    name: 'reach another lease',
    perl: `reaches4 $_, 8080 for @{$host{otherAddresses}}; $! = 101; refused()`,
    also: ['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT'],
  },
  {
    name: 'reach the engine',
    perl: `reaches $_, pack('S a108', 1, $_) for '/var/run/docker.sock', '/run/podman/podman.sock', $host{engine}`,
    also: ['ECONNREFUSED'],
  },
]
