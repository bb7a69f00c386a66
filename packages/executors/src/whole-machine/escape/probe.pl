# Runs attempts inside a container, each in a process of its own, and prints one line for each:
# its number, a tab, then `got` and what it came by, or `no` and the numbers of the errors that refused it.
$| = 1;
our (%host, %number, %parts, %pid, @errors, $report);

sub got { print $report "got @_\n"; close $report; exit 0 }
sub refused { push @errors, $! + 0; return }
# A call by its name; what the kernel answers, or undef and a noted error.
sub call {
  my $name = shift;
  my $n = $number{$name} // got("no number for $name");
  # Copies: the kernel may write to what it is given.
  my @given = @_;
  my $r = syscall($n, @given);
  return $r if $r != -1;
  return refused();
}
sub gets { my $r = call(@_); got("$_[0] answered $r") if defined $r }
# Opens for writing without writing anything.
sub opens_to_write { my $path = shift; open(my $f, '+<', $path) ? got("opened $path to write") : refused() }
sub writes {
  my ($path, $text) = @_;
  open(my $f, '+<', $path) or open($f, '>', $path) or return refused();
  my $n = syswrite($f, $text);
  defined $n ? got("wrote to $path") : refused();
}
sub reads {
  my ($path, $pattern) = @_;
  open(my $f, '<', $path) or return refused();
  my $n = sysread($f, my $text, 65536);
  return refused() if !defined $n;
  got("read $path: " . substr($text =~ s/[^ -~]+/ /gr, 0, 80)) if $n > 0 && $text =~ ($pattern // qr/./s);
  $! = 2; refused();
}
sub mounts { my ($from, $to, $type, $flags, $data) = @_; gets('mount', $from, $to, $type, $flags + 0, $data // '') }
# Paths by patterns in which `*` stands for any name, as a shell has them.
sub paths {
  my @found;
  for (@_) {
    my @here = ('');
    for my $part (grep { length } split m{/}) {
      if ($part !~ /[*\[]/) { @here = map { "$_/$part" } @here; next }
      (my $pattern = quotemeta $part) =~ s/\\\*/.*/g;
      $pattern =~ s/\\\[(\d)\\-(\d)\\\]/[$1-$2]/g;
      @here = map {
        my ($up, $d) = $_;
        opendir($d, $up || '/') ? map { "$up/$_" } grep { !/^\./ && /^$pattern$/ } readdir $d : ();
      } @here;
    }
    push @found, grep { -e $_ || -l $_ } @here;
  }
  return @found;
}
sub slurp { open(my $f, '<', shift) or return ''; local $/; <$f> // '' }
sub address4 { my $a = shift; return pack('C4', split /\./, $a) }
# Says whether a connection comes about: what is reached, the address as the kernel takes it.
sub reaches {
  my ($label, $name) = @_;
  socket(my $s, unpack('S', $name), 1, 0) or return refused();
  my $connected = eval {
    local $SIG{ALRM} = sub { die "late\n" };
    alarm 1;
    my $answer = connect($s, $name);
    my $error = $! + 0;
    alarm 0;
    $! = $error;
    $answer ? 1 : 0;
  };
  $! = 110 if !defined $connected;
  $connected ? got("reached $label") : refused();
}
sub reaches4 { my ($a, $port) = @_; reaches("$a port $port", pack('S n a4 x8', 2, $port, address4($a))) }
sub reaches6 {
  my ($hex, $port, $scope) = @_;
  reaches("$hex port $port", pack('S n N a16 L', 10, $port, 0, pack('H32', $hex), $scope // 0));
}
# Tries several things at the same time, for those that have to be waited for.
sub together {
  my @children;
  for my $try (@_) {
    my $child = fork;
    if (!defined $child) { refused(); next }
    if ($child) { push @children, $child; next }
    $try->();
    close $report;
    exit($errors[-1] // 0);
  }
  for my $child (@children) {
    waitpid $child, 0;
    next unless $! = $? >> 8;
    refused();
  }
}
# Says how much of something was come by, and what was said to the last try; holds on to it until nobody
# listens any more.
our $n = 0;
sub took { my $why = $! + 0; print "took $n $why\n"; sysread STDIN, my $end, 1; exit 0 }
sub finish { my %once = map { $_ => 1 } @errors; print $report 'no ', join(',', keys %once), "\n"; close $report; exit 0 }

my @left = sort { $a <=> $b } keys %parts;
# Sixteen at a time: they wait for connections more than they work.
while (my @wave = splice @left, 0, 16) {
  my %reader;
  for my $index (@wave) {
    pipe($reader{$index}, my $out);
    my $child = fork // die "fork: $!";
    $pid{$index} = $child;
    next if $child;
    $report = $out;
    open STDERR, '>', '/dev/null';
    setpgrp;
    eval "$parts{$index}; 1" or do { print $report "broken $@"; close $report; exit 1 };
    finish();
  }
  for my $index (@wave) {
    my $line = eval {
      local $SIG{ALRM} = sub { die "late\n" };
      alarm 20;
      my $first = readline $reader{$index};
      alarm 0;
      $first;
    } // "ended\n";
    kill 'KILL', -$pid{$index}, $pid{$index};
    waitpid $pid{$index}, 0;
    print "$index\t$line";
  }
}
