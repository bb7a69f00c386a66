// `npm run try-clusters`: Open MPI and Dask, of Debian's packages, over clusters of three leases on the three
// embedded workers, with the files of examples/. As root, with mmdebstrap. Ends with 1 where a sum is wrong.
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { say } from '@cloister/terminal'
import { raiseStage, type Stage } from '../embedded.ts'
import { debianImage, debianWith, recipeOf } from './debian-image.ts'

const EXAMPLES = join(import.meta.dirname, '../../examples')
const SIZE = 3
const COUNT = 200_000
/** The sum of the squares below COUNT, which its halves alone can hold exactly: it is below 2^53. */
const SQUARES = ((COUNT - 1) * COUNT * (2 * COUNT - 1)) / 6

/** Each rank adds up its share of the squares, all add up the shares, and each says where it was. */
const MPI = `from mpi4py import MPI; c = MPI.COMM_WORLD
t = c.allreduce(sum(i*i for i in range(c.rank, ${COUNT}, c.size)))
n = c.gather([l[:32] for l in open('/proc/net/if_inet6') if 'private0' in l][0])
if c.rank == 0: print('sum', t, 'of', c.size, 'on', len(set(n)))`
/** Each worker is given one share, and says which it is. */
const DASK = `from distributed import Client; import os
c = Client(os.environ['CLOISTER_PEERS'].split(',')[0] + ':8786'); c.wait_for_workers(${SIZE}, timeout=60)
def share(k): return sum(i*i for i in range(k, ${COUNT}, ${SIZE})), os.environ['CLOISTER_RANK']
w = list(c.scheduler_info()['workers'])
r = c.gather([c.submit(share, k, workers=w[k], pure=False) for k in range(${SIZE})])
print('sum', sum(s for s, _ in r), 'of', len(w), 'on', len(set(k for _, k in r)))`

interface Trial {
  name: 'mpi' | 'dask'
  argv: string[]
}

/** Runs a program on a cluster of one of the examples, and holds what it comes to against what it is. */
async function tryOne(stage: Stage, debian: string, { name, argv }: Trial): Promise<void> {
  const folder = join(stage.folder, name)
  cpSync(join(EXAMPLES, name), folder, { recursive: true })
  await debianImage(join(folder, 'image'), debian, recipeOf(join(folder, 'Dockerfile')))
  // No builder here can pull the image that the Dockerfile begins with.
  const file = join(folder, 'compose.yaml')
  writeFileSync(file, readFileSync(file, 'utf8').replace('build: .', 'image: oci:./image'))
  const sealed: string[] = []
  if (name === 'mpi') {
    const key = join(folder, 'key')
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key])
    await stage.json('apps', 'create', name, file, '--cluster', name, '-n', String(SIZE))
    sealed.push('--app', name, '--secret-file', `key=${key}`)
  }
  const rising = timer()
  const { members } = await stage.json(
    ...['cluster', 'up', file, '-n', String(SIZE), '--name', name],
    ...['--per-worker', '1', '--for', '1h', '--yes', ...sealed],
  )
  say(`${name}: ${SIZE} leases are up, in ${rising()}`)
  const running = timer()
  const ran = await stage.cloister('exec', `${name}-0`, '--', ...argv)
  say(`${name}: ${ran.stdout.trim() || ran.stderr.trim()}, in ${running()}`)
  await stage.json('cluster', 'down', name)
  const workers = new Set(members.map(({ worker }: { worker: string }) => worker)).size
  if (workers !== SIZE) throw new Error(`${name} was on ${workers} workers instead of ${SIZE}`)
  if (!ran.stdout.includes(`sum ${SQUARES} of ${SIZE} on ${SIZE}`))
    throw new Error(`${name} did not come to the sum ${SQUARES} on ${SIZE} machines: ${ran.stderr}`)
}

/** Says how long it is since it was made. */
function timer(): () => string {
  const begun = performance.now()
  return () => `${((performance.now() - begun) / 1000).toFixed(1)} s`
}

const TRIALS: Trial[] = [
  { name: 'mpi', argv: ['sh', '-c', 'mpirun --host $CLOISTER_PEERS python3 -c "$0"', MPI] },
  { name: 'dask', argv: ['python3', '-c', DASK] },
]

for (const program of ['mmdebstrap', 'ssh-keygen'])
  if (spawnSync(program, ['--help']).error) {
    say(`${program} is missing: apt-get install mmdebstrap openssh-client`)
    process.exit(1)
  }
const wanted = process.argv.slice(2)
const trials = TRIALS.filter(({ name }) => wanted.length === 0 || wanted.includes(name))
const all = timer()
// One for both, which is made faster than two.
const packages = TRIALS.flatMap(({ name }) => recipeOf(join(EXAMPLES, name, 'Dockerfile')).packages)
const debian = await debianWith(packages)
say(`Debian with ${packages.join(', ')}, in ${all()}`)
const stage = await raiseStage({ keys: true })
say(`the network is up after ${all()}`)
try {
  await stage.embedded.keys
  say(`the key service has its seats after ${all()}`)
  for (const trial of trials) await tryOne(stage, debian, trial)
  process.exitCode = 0
} catch (error) {
  say(String(error))
  process.exitCode = 1
} finally {
  await stage.end()
  say(`done after ${all()}`)
}
process.exit()
