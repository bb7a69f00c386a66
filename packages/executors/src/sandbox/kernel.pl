#!/usr/bin/perl
# The system calls that the sandbox needs and Node doesn't offer: namespaces, mounts that map user ids, and
# sockets made in another network. Perl is part of every Debian (perl-base), and this runs in a few
# megabytes.
#
# As root:
#   kernel.pl hold FIRST COUNT    a process that holds a user and a network namespace; ids 0…COUNT-1 are
#                                 FIRST…
# As anybody:
#   kernel.pl hold                the same with a mount namespace; ids are the caller's and its subordinate
#                                 ones
#   kernel.pl try …               the same for half a minute, to find out whether it can be done
#   kernel.pl dial                hands out connections to ports of other networks, over Node's channel for
#                                 handles
#   kernel.pl overlay PID FOLDER LOWER UPPER WORK TARGET
#                                 mounts an overlay, LOWER with the ids of PID's user namespace (0: as they
#                                 are)
use strict;
use warnings;
use Errno qw(EINPROGRESS EINTR EAGAIN);
use Fcntl qw(F_SETFD F_GETFL F_SETFL FD_CLOEXEC O_NONBLOCK);
use IO::Select;
use POSIX ();
use Socket;

# asm/unistd_64.h and asm-generic/unistd.h: unshare, setns, mount, sendmsg.
my %CALLS = (x86_64 => [272, 308, 165, 46], aarch64 => [97, 268, 40, 211]);
my ($UNSHARE, $SETNS, $MOUNT, $SENDMSG) = @{$CALLS{(POSIX::uname())[4]} || die "There is no system call table for this processor.\n"};
my ($OPEN_TREE, $MOVE_MOUNT, $MOUNT_SETATTR, $UMOUNT) = (428, 429, 442, (POSIX::uname())[4] eq 'x86_64' ? 166 : 39);
my ($CLONE_NEWNS, $CLONE_NEWUSER, $CLONE_NEWNET) = (0x20000, 0x10000000, 0x40000000);
my $PRCTL = (POSIX::uname())[4] eq 'x86_64' ? 157 : 167;

my ($verb, @words) = @ARGV;
# How long a namespace is held: one that is only tried goes by itself, should nobody be left to end it.
my $held = $verb && $verb eq 'try' ? 30 : 'infinity';
my %VERBS = (hold => \&hold, try => \&hold, overlay => \&overlay, dial => \&dial);
($VERBS{$verb // ''} || die "unknown verb\n")->(@words);

sub call {
  my ($what, $number, @arguments) = @_;
  my $result = syscall($number, @arguments);
  die "$what: $!\n" if $result < 0;
  return $result;
}

sub put {
  my ($path, $text) = @_;
  open(my $file, '>', $path) or return 0;
  return syswrite($file, $text) ? 1 : 0;
}

# Prints the id of a process that does nothing but hold the namespaces. It outlives us.
sub hold {
  my ($first, $count) = @_;
  pipe(my $unshared_read, my $unshared_write) or die "pipe: $!\n";
  pipe(my $mapped_read, my $mapped_write) or die "pipe: $!\n";
  pipe(my $ready_read, my $ready_write) or die "pipe: $!\n";
  my $pid = fork() // die "fork: $!\n";
  if ($pid == 0) {
    eval {
      become_owner($first) if defined $first;
      call('unshare', $UNSHARE, $CLONE_NEWUSER | $CLONE_NEWNET | (defined $first ? 0 : $CLONE_NEWNS));
      syswrite($unshared_write, '1');
      sysread($mapped_read, my $ok, 1) or die "the ids could not be mapped\n";
      # A process of another user can't be traced by this one, nor can it be told what to do.
      POSIX::setsid();
      POSIX::setgid(0);
      POSIX::setuid(0);
      raise_loopback();
      # As under Docker: whoever a service runs as, it may listen on port 80 of its own network, and ask who
      # is there.
      put('/proc/sys/net/ipv4/ip_unprivileged_port_start', '0');
      put('/proc/sys/net/ipv4/ping_group_range', '0 2147483647');
      # The filter of system calls refuses these, too; the runtime joins this one and makes none.
      put('/proc/sys/user/max_user_namespaces', '0');
      # Nothing that is mounted here shows outside, and what is unmounted outside goes here, too.
      call('mount', $MOUNT, 'none', '/', 0, 0x84000, 0) unless defined $first;
      POSIX::chdir('/');
      opendir(my $descriptors, '/proc/self/fd') or die "descriptors: $!\n";
      my @open = grep { /^\d+$/ && $_ != fileno($ready_write) } readdir($descriptors);
      closedir($descriptors);
      POSIX::close($_) for @open;
      POSIX::open('/dev/null', POSIX::O_RDWR()) for 0, 1, 2;
      syswrite($ready_write, '1');
      exec('sleep', $held);
    };
    syswrite($ready_write, "0$@");
    POSIX::_exit(1);
  }
  close($_) for $unshared_write, $mapped_read, $ready_write;
  if (sysread($unshared_read, my $ok, 1)) {
    my $mapped = defined $first ? map_ids($pid, "0 $first $count") : map_own_ids($pid);
    syswrite($mapped_write, '1') if $mapped;
  }
  close($mapped_write);
  my $answer = '';
  while (sysread($ready_read, my $part, 4096)) { $answer .= $part }
  if ($answer !~ s/^1//) {
    kill('KILL', $pid);
    waitpid($pid, 0);
    die substr($answer, 1) || "the namespaces could not be made\n";
  }
  print "$pid\n";
}

# Whoever makes a user namespace is charged for what the kernel counts by user in it (inotify's instances,
# queued signals, …): each lease's own root, so that none can use up what the machine's root has. The rights
# to make one are kept (prctl(2), PR_SET_SECUREBITS with SECBIT_NO_SETUID_FIXUP); in the new one these bits
# are plain again.
sub become_owner {
  my ($id) = @_;
  call('prctl', $PRCTL, 28, 4, 0, 0, 0);
  $) = "$id $id";
  $> = $id;
  die "user $id: $!\n" if $> != $id;
}

sub map_ids {
  my ($pid, $map) = @_;
  return put("/proc/$pid/uid_map", "$map\n") && put("/proc/$pid/gid_map", "$map\n");
}

# Subordinate ids (subuid(5)) where the system gives us any, by the programs that may; ours alone elsewhere.
sub map_own_ids {
  my ($pid) = @_;
  my ($uid, $gid, $name) = ($<, (split ' ', $()[0], (getpwuid($<))[0] // '');
  my @maps = map { subordinate($_->[0], $name, $uid) } (['/etc/subuid'], ['/etc/subgid']);
  if (@maps == 2) {
    my @tools = (['newuidmap', $uid, $maps[0]], ['newgidmap', $gid, $maps[1]]);
    my $failed = grep { system($_->[0], $pid, 0, $_->[1], 1, 1, @{$_->[2]}) != 0 } @tools;
    return 1 if !$failed;
    return 0 if -s "/proc/$pid/uid_map";
  }
  put("/proc/$pid/setgroups", 'deny');
  return put("/proc/$pid/uid_map", "0 $uid 1\n") && put("/proc/$pid/gid_map", "0 $gid 1\n");
}

sub subordinate {
  my ($path, $name, $uid) = @_;
  return unless grep { -x "$_/newuidmap" } split(/:/, $ENV{PATH} // '');
  open(my $file, '<', $path) or return;
  while (<$file>) {
    return [$1, $2] if /^(?:\Q$name\E|$uid):(\d+):(\d+)$/ && $2 >= 65535;
  }
  return;
}

# netdevice(7): SIOCSIFFLAGS with IFF_UP and IFF_RUNNING.
sub raise_loopback {
  socket(my $socket, AF_INET, SOCK_DGRAM, 0) or die "socket: $!\n";
  my $request = pack('a16 s x14', 'lo', 0x41);
  ioctl($socket, 0x8914, $request) or die "lo: $!\n";
}

sub overlay {
  my ($pid, $folder, $lower, $upper, $work, $target) = @_;
  # Paths of the options are relative to here, so that no colon or comma in a folder's name means anything.
  POSIX::chdir($folder) or die "$folder: $!\n";
  my $options = 'upperdir=' . $upper . ',workdir=' . $work . ($pid ? ',metacopy=off' : ',userxattr') . ',lowerdir=lower';
  mkdir('lower', 0700);
  if ($pid) {
    open(my $users, '<', "/proc/$pid/ns/user") or die "/proc/$pid/ns/user: $!\n";
    my $tree = call('open_tree', $OPEN_TREE, -100, $lower, 0x80001);
    my $attributes = pack('QQQQ', 0x100001, 0, 0, fileno($users));
    call('mount_setattr', $MOUNT_SETATTR, $tree, my $empty = '', 0x1000, $attributes, length $attributes);
    call('move_mount', $MOVE_MOUNT, $tree, $empty, -100, my $place = 'lower', 0x4);
  }
  else {
    rmdir('lower');
    symlink($lower, 'lower');
  }
  # MS_NODEV, and MS_NOSUID: what a service runs gains no rights by it anyway, and nobody of this machine
  # shall.
  my $mounted = syscall($MOUNT, my $source = 'overlay', $target, my $kind = 'overlay', 0x6, $options);
  my $why = $!;
  if ($pid) {
    # The overlay has a mount of its own.
    syscall($UMOUNT, my $place = 'lower', 2);
    rmdir('lower');
  }
  else { unlink('lower') }
  die "overlay: $why\n" if $mounted < 0;
}

# Each line from Node is "SEQUENCE PID PORT"; each answer is a connected socket with "SEQUENCE", or "SEQUENCE
# WHY".
sub dial {
  my $channel_fd = $ENV{NODE_CHANNEL_FD} // die "no channel\n";
  open(my $channel, '+<&=', $channel_fd) or die "channel: $!\n";
  fcntl($channel, F_SETFL, fcntl($channel, F_GETFL, 0) & ~O_NONBLOCK);
  open(my $home, '<', '/proc/self/ns/net') or die "own network: $!\n";
  my $waiting = IO::Select->new();
  my $reading = IO::Select->new($channel);
  my (%waits, $buffer);
  $buffer = '';
  $SIG{CHLD} = 'IGNORE';
  for (;;) {
    my $patience = $waiting->count ? 1 : undef;
    my ($readable, $writable) = IO::Select->select($reading, $waiting, undef, $patience);
    for my $socket (@{$writable || []}) {
      my $wait = delete $waits{fileno $socket};
      $waiting->remove($socket);
      my $error = unpack('i', getsockopt($socket, SOL_SOCKET, SO_ERROR));
      answer($channel, $wait->{sequence}, $error ? undef : $socket, $error);
    }
    for my $wait (grep { $_->{until} < time } values %waits) {
      $waiting->remove($wait->{socket});
      delete $waits{fileno $wait->{socket}};
      answer($channel, $wait->{sequence}, undef, POSIX::ETIMEDOUT());
    }
    next unless @{$readable || []};
    my $got = sysread($channel, $buffer, 65536, length $buffer);
    next if !defined $got && ($! == EINTR || $! == EAGAIN);
    exit 0 unless $got;
    while ($buffer =~ s/^([^\n]*)\n//) {
      next unless $1 =~ /^"(\d+) (\d+) (\d+)( udp)?"$/;
      my ($sequence, $pid, $port, $udp) = ($1, $2, $3, defined $4);
      if ($> != 0) { connect_in_child($channel, $sequence, $pid, $port, $udp); next }
      my ($socket, $error) = socket_in($pid, $home, $udp ? SOCK_DGRAM : SOCK_STREAM);
      if (!$socket || $udp) { answer($channel, $sequence, $socket, $error, $udp); next }
      if (connect($socket, pack_sockaddr_in($port, inet_aton('127.0.0.1')))) { answer($channel, $sequence, $socket, 0) }
      elsif ($! == EINPROGRESS) {
        $waits{fileno $socket} = {sequence => $sequence, socket => $socket, until => time + 10};
        $waiting->add($socket);
      }
      else { answer($channel, $sequence, undef, $! + 0) }
    }
  }
}

# A socket that belongs to another process's network.
sub socket_in {
  my ($pid, $home, $type) = @_;
  open(my $network, '<', "/proc/$pid/ns/net") or return (undef, $! + 0);
  return (undef, $! + 0) if syscall($SETNS, fileno($network), $CLONE_NEWNET) < 0;
  my $made = socket(my $socket, AF_INET, $type, 0);
  my $error = $! + 0;
  syscall($SETNS, fileno($home), $CLONE_NEWNET) == 0 or die "lost: $!\n";
  return (undef, $error) unless $made;
  fcntl($socket, F_SETFL, O_NONBLOCK);
  return ($socket, 0);
}

# Whoever isn't root has to enter the other's user namespace first, from which there is no way back: a child
# does.
sub connect_in_child {
  my ($channel, $sequence, $pid, $port, $udp) = @_;
  my $child = fork();
  return answer($channel, $sequence, undef, $! + 0) unless defined $child;
  return if $child;
  alarm 10;
  my $socket;
  my $connected = enter($pid, 'user', $CLONE_NEWUSER) && enter($pid, 'net', $CLONE_NEWNET)
    && socket($socket, AF_INET, $udp ? SOCK_DGRAM : SOCK_STREAM, 0)
    && ($udp || connect($socket, pack_sockaddr_in($port, inet_aton('127.0.0.1'))));
  my $error = $! + 0;
  answer($channel, $sequence, $connected ? $socket : undef, $error, $udp);
  POSIX::_exit(0);
}

sub enter {
  my ($pid, $kind, $flag) = @_;
  open(my $namespace, '<', "/proc/$pid/ns/$kind") or return 0;
  return syscall($SETNS, fileno($namespace), $flag) == 0;
}

# One message of Node's channel between processes (lib/internal/child_process.js), with a descriptor where
# there is one.
sub answer {
  my ($channel, $sequence, $socket, $error, $udp) = @_;
  if (!$socket) {
    syswrite($channel, "\"$sequence " . (POSIX::strerror($error) =~ s/[^A-Za-z ]//gr) . "\"\n");
    return;
  }
  my $type = $udp ? '"dgram.Socket","dgramType":"udp4"' : '"net.Socket"';
  my $text = "{\"cmd\":\"NODE_HANDLE\",\"type\":$type,\"msg\":\"$sequence\"}\n";
  my $vector = pack('PQ', $text, length $text);
  # cmsg(3): SOL_SOCKET, SCM_RIGHTS.
  my $control = pack('Qiiix4', 20, 1, 1, fileno($socket));
  my $message = pack('QLx4PQPQix4', 0, 0, $vector, 1, $control, length $control, 0);
  syscall($SENDMSG, fileno($channel), $message, 0);
}
