/**
 * What one lease might take so much of that others have none. `perl` runs in a container of `GREEDY`'s
 * limits, takes all it can get, says `took COUNT ERROR` by `took` and holds on to it.
 */
export interface Hoard {
  /** What is taken, as the end of a sentence that begins with "keeps to its own share of". */
  name: string
  perl: string
  /** The most it may come by. */
  most: number
  /** Errors with which it is told that there is no more. */
  told: readonly string[]
  /**
   * Engines whose containers are held to that; on the others `isolation` says in words that they aren't, or
   * somebody watches.
   */
  engines: readonly string[]
}

/** Limits of the container that takes all it can get. */
export const GREEDY = {
  memoryMiB: 96,
  maxProcesses: 48,
  cpuMilli: 1000,
  openFiles: 512,
  diskMiB: 32,
} as const

const ALL = ['sandbox', 'docker', 'podman']
const MIB = 1024 * 1024

export const HOARDS: readonly Hoard[] = [
  {
    name: 'memory',
    // The kernel ends what takes it, and not whoever looks on.
    perl: String.raw`
      pipe(my $r, my $w);
      my $child = fork;
      if (!$child) { close $r; my @a; while (1) { push @a, 'x' x (1 << 20); syswrite $w, '.' } }
      close $w; while (sysread $r, my $b, 4096) { $n += length $b } waitpid $child, 0;
      $! = $? == 9 ? 12 : 0; took()`,
    most: GREEDY.memoryMiB,
    told: ['ENOMEM'],
    engines: ALL,
  },
  {
    name: 'open files',
    perl: `my @f; while (open my $f, '<', '/dev/null') { push @f, $f; $n++ } took()`,
    most: GREEDY.openFiles,
    told: ['EMFILE'],
    engines: ALL,
  },
  {
    name: 'watches of files, which the kernel counts by user',
    perl: `my @f; while (1) { my $f = syscall($number{inotify_init1}, 0); last if $f < 0; push @f, $f; $n++ } took()`,
    most: 512,
    told: ['EMFILE'],
    engines: ['sandbox'],
  },
  {
    name: 'terminals',
    perl: `my @f; while (open my $f, '+<', '/dev/ptmx') { push @f, $f; $n++ } took()`,
    most: 128,
    told: ['ENOSPC'],
    engines: ['sandbox'],
  },
  {
    name: 'what the kernel keeps for sockets',
    perl: String.raw`
      my $to = pack('S n a4 x8', 2, 7777, pack('C4', 127, 0, 0, 1));
      socket(my $s, 2, 1, 0); bind $s, $to; listen $s, 300; my @k;
      for (1 .. 120) {
        socket(my $c, 2, 1, 0) or last; connect $c, $to or last; accept(my $a, $s) or last;
        push @k, $c, $a; fcntl $c, 4, 2048;
        my $b = 'x' x 65536; 1 while syswrite $c, $b;
      }
      # Pages that all sockets of the machine hold.
      slurp('/proc/net/sockstat') =~ /TCP: .* mem (\d+)/; $n = $1 * 4096; $! = 11; took()`,
    // A quarter of its memory, and what all others have at the time.
    most: 64 * MIB,
    told: ['EAGAIN'],
    engines: ['sandbox'],
  },
  {
    name: 'connections that the kernel remembers',
    perl: String.raw`
      my $to = pack('S n a4 x8', 2, 7778, pack('C4', 127, 0, 0, 1));
      socket(my $s, 2, 1, 0); bind $s, $to; listen $s, 300;
      for (1 .. 500) { socket(my $c, 2, 1, 0); connect $c, $to; accept(my $a, $s) }
      $n = int slurp('/proc/sys/net/netfilter/nf_conntrack_count'); $! = 11; took()`,
    most: 10,
    told: ['EAGAIN'],
    engines: ['sandbox'],
  },
  {
    name: 'files that a disk can have',
    perl: `for my $at ('/data', '/tmp') { for (1 .. 20000) { open my $f, '>', "$at/$_" or last; $n++ } } took()`,
    most: 6_000,
    told: ['ENOSPC'],
    engines: ['sandbox'],
  },
  {
    name: 'disk',
    perl: String.raw`
      unlink map { ($_, "/tmp/$_") } 1 .. 20000 if chdir '/data';
      for my $at ('/data/big', '/big') { open my $f, '>', $at; my $b = 'x' x (1 << 20); for (1 .. 256) { my $w = syswrite $f, $b; $n += $w // 0; last if !$w } }
      took()`,
    // With what the tables of its file system leave over.
    most: (GREEDY.diskMiB + 8) * MIB,
    told: ['ENOSPC'],
    engines: ['sandbox'],
  },
  {
    name: 'processes',
    perl: `while (defined(my $p = fork)) { $p or do { close STDOUT; close STDERR; sleep 60; exit }; $n++ } took()`,
    most: GREEDY.maxProcesses,
    told: ['EAGAIN'],
    engines: ALL,
  },
]

/** What a bystander in another lease does all the while: it says `fine`, or what it can't do any more. */
export const BYSTANDER = String.raw`
  my @bad;
  my $p = fork; push @bad, "fork: $!" if !defined $p; if (defined $p && !$p) { exit 7 } waitpid $p, 0;
  my @f; for (1 .. 100) { open(my $f, '<', '/dev/null') or do { push @bad, "open: $!"; last }; push @f, $f }
  open(my $f, '>', '/tmp/bystander') or push @bad, "file: $!"; syswrite($f, 'x' x 1000000) or push @bad, "write: $!"; close $f; unlink '/tmp/bystander';
  socket(my $s, 2, 1, 0); connect($s, pack('S n a4 x8', 2, 8080, pack('C4', 127, 0, 0, 1))) or push @bad, "connect: $!";
  my $m = 'x' x (20 << 20);
  if ($host{countsApart}) {
    my $i = syscall($number{inotify_init1}, 0); push @bad, "inotify: $!" if $i < 0;
    open(my $t, '+<', '/dev/ptmx') or push @bad, "terminal: $!";
  }
  print @bad ? join('; ', @bad) : 'fine', "\n";`
