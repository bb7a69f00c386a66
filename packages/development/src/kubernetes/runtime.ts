import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * A runtime for kubelet's containers on machines where root may not have the kernel spare a process
 * (CAP_SYS_RESOURCE): it leaves out what kubelet says of that (`oomScoreAdj` below 0), and is runc otherwise.
 */
export async function writeRuntime(folder: string): Promise<string> {
  const path = join(folder, 'runc-for-kubelet')
  await writeFile(
    path,
    `#!/usr/bin/perl
for my $i (0 .. $#ARGV) {
  next unless $ARGV[$i] eq '--bundle';
  my $path = "$ARGV[$i + 1]/config.json";
  open(my $in, '<', $path) or last;
  local $/;
  my $text = <$in>;
  $text =~ s/"oomScoreAdj":\\s*-\\d+/"oomScoreAdj":0/g;
  open(my $out, '>', $path) or last;
  print $out $text;
  close $out;
}
exec 'runc', @ARGV;
`,
    { mode: 0o755 },
  )
  return path
}
