import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { canTunnel } from '../../../../executors/src/private-network/place.ts'
import { TwoMachines } from '../testing/two-machines.ts'

const LISTEN = `use IO::Socket::IP; my $l = IO::Socket::IP->new(Listen => 5, LocalHost => '::', LocalPort => 7000, ReuseAddr => 1, V6Only => 0) or die $@;
  $SIG{CHLD} = 'IGNORE'; exit 0 if fork; close STDOUT; close STDERR; alarm 90; while (my $c = $l->accept) { my $line = <$c>; print $c "heard $line"; close $c }`
const ASK = `use IO::Socket::IP; my $s = IO::Socket::IP->new(PeerHost => $ARGV[0], PeerPort => 7000, Timeout => 3) or die "$@\\n"; print $s "hello\\n"; print <$s>`

describe.skipIf(!canTunnel())('a tunnel between two machines', () => {
  let both: TwoMachines
  const ask = () => both.machines[0].inside('perl', '-e', ASK, both.machines[1].ipv6)
  const untilWay = (way: string) =>
    vi.waitFor(
      async () => {
        // Something is said all the time, or nobody would notice that nothing comes.
        await ask().catch(() => {})
        expect(await Promise.all(both.machines.map((machine) => machine.way()))).toEqual([way, way])
      },
      { timeout: 25_000, interval: 200 },
    )

  beforeAll(async () => {
    both = await TwoMachines.raise({ udp: false, mibPerSecond: 16 })
    await both.machines[1].inside('perl', '-e', LISTEN)
  }, 30_000)
  afterAll(async () => both?.end())

  it('goes over TLS where UDP is dropped, over UDP once that passes, and over TLS again', async () => {
    await untilWay('relayed')
    expect(await ask()).toBe('heard hello\n')
    both.letUdpPass(true)
    await untilWay('direct')
    expect(await ask()).toBe('heard hello\n')
    both.letUdpPass(false)
    await untilWay('relayed')
    expect(await ask()).toBe('heard hello\n')
  }, 60_000)
})
