#!/usr/bin/perl
# Runs slirp4netns for a network for as long as the process that holds it lives, and starts it again where it
# ends before. way-out.pl PID slirp4netns WORD… prints "up" when the network's interface is there Killing
# this one is enough: slirp4netns ends when the other end of its exit descriptor closes.
use strict;
use warnings;

my ($holder, @command) = @ARGV;
# What is opened from here on is passed on.
$^F = 255;
my $watched = watch($holder);
pipe(my $exit_read, my $exit_write) or die "pipe: $!\n";
my $told = 0;
# Nobody reads what is said once it is up.
$SIG{PIPE} = 'IGNORE';
for (;;) {
  pipe(my $ready_read, my $ready_write) or die "pipe: $!\n";
  my $child = fork() // die "fork: $!\n";
  if ($child == 0) {
    close($exit_write);
    my $device = pop @command;
    my $network = pop @command;
    exec(@command, '--ready-fd', fileno($ready_write), '--exit-fd', fileno($exit_read), $network, $device) or exit 127;
  }
  close($ready_write);
  if (sysread($ready_read, my $ready, 1) && !$told) {
    syswrite(STDOUT, "up\n");
    open(STDOUT, '>', '/dev/null');
    $told = 1;
  }
  exit 1 unless $told;
  my $helper = watch($child);
  my $wanted = '';
  vec($wanted, $_, 1) = 1 for $watched, $helper;
  select(my $ended = $wanted, undef, undef, undef);
  exit 0 if vec($ended, $watched, 1);
  waitpid($child, 0);
  let_go($helper);
  sleep 1;
}

# pidfd_open(2), which has the same number everywhere: readable once the process has ended.
sub watch {
  my $descriptor = syscall(434, $_[0] + 0, 0);
  die "process $_[0]: $!\n" if $descriptor < 0;
  return $descriptor;
}

sub let_go {
  open(my $file, "<&=", $_[0]) or return;
  close($file);
}
