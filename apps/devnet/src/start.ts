// `npm start`: the whole network on one machine. This process keeps the daemons; another one sets the
// network up, and ends.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { getCompileCacheDir } from 'node:module'
import { join, resolve } from 'node:path'
import { giveBackAfterStart, packedProgram } from '@cloister/packed'
import { paint, Steps, say, showError } from '@cloister/terminal'
import { HELP, readOptions } from './options.ts'
import { obey } from './orders.ts'
import { Supervisor } from './supervisor.ts'

const SET_UP = packedProgram(join(import.meta.dirname, 'set-up.ts'))

const { folder, help, verbose } = readOptions()
if (help) {
  process.stdout.write(HELP)
  process.exit(0)
}

let interrupted = false
const interruption = new Promise<void>((done) => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => {
      interrupted = true
      done()
    })
})

try {
  const supervisor = new Supervisor(
    resolve(folder),
    (daemon) =>
      !interrupted &&
      say(
        `${paint('yellow', '!')} ${daemon} ended by itself and is started again; see ${folder}/logs/${daemon}.log`,
      ),
  )
  let isUp = false
  // It ends, so it may take what memory makes it quick, and need not give any back.
  const { MALLOC_ARENA_MAX: _, MALLOC_TRIM_THRESHOLD_: __, ...env } = process.env
  const setUp = fork(SET_UP, process.argv.slice(2), {
    execArgv: ['--disable-warning=ExperimentalWarning'],
    env: { ...env, NODE_COMPILE_CACHE: getCompileCacheDir() ?? '' },
  })
  obey(setUp, supervisor, () => {
    isUp = true
  })
  const [code, signal] = (await Promise.race([once(setUp, 'exit'), interruption])) ?? []
  // What failed before the network was up has been said, unless the set-up was killed.
  const failed = !interrupted && !isUp && code !== 0
  if (failed && signal)
    say(`${paint('red', '✗')} The set-up was ended by ${signal}. Start again: it goes on from there.`)
  if (isUp && !interrupted && code !== 0)
    say(
      `${paint('yellow', '!')} The set-up ended before the key service and the model were ready: they are at the next start.`,
    )
  if (!failed) {
    giveBackAfterStart()
    await interruption
  }
  const steps = new Steps(false)
  if (setUp.exitCode === null && setUp.signalCode === null) setUp.kill('SIGKILL')
  if (!failed) {
    say()
    steps.begin('stopping', 'workers settle, end their coverage and stop their containers')
  }
  await supervisor.stop()
  steps.done()
  if (failed) process.exit(1)
  say('Stopped. `npm start` takes it up again.')
  process.exit(0)
} catch (error) {
  showError(error, { json: false, verbose })
  process.exit(1)
}
