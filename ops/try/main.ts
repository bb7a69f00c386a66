// Tries ops/ with Docker, as root on a machine that reaches no registry: `npm run try-ops`. Base images are
// made of this machine's own Node, PostgreSQL and programs; everything else is as in production. It builds
// the images, brings up ops/compose.yaml and ops/compose.agent.yaml beside a development chain, looks at
// health, readiness, metrics and TLS, runs a lease, and stops all of it in order. Ctrl-C clears it away.
import { stopAgent, tryAgent } from './agent.ts'
import { makeBase, makePostgres } from './base-images.ts'
import { stopServices, tryServices } from './services.ts'
import { Stage } from './stage.ts'

const asked = new AbortController()
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(name, () => {
    if (!asked.signal.aborted) console.error(`${name}: clearing it away …`)
    asked.abort()
  })

process.exitCode = 1
const stage = await Stage.raise(asked.signal)
try {
  asked.signal.throwIfAborted()
  stage.say(`an engine and a chain run; composing with ${stage.composer.join(' ')}`)
  await makeBase(stage)
  await makePostgres(stage)
  stage.say('base images are made of what this machine has')
  await stage.run(process.execPath, [
    '--disable-warning=ExperimentalWarning',
    'scripts/publish/images-main.ts',
  ])
  await tryServices(stage)
  await tryAgent(stage)
  await stopAgent(stage)
  await stopServices(stage)
  process.exitCode = 0
} catch (error) {
  if (!asked.signal.aborted) {
    console.error(String((error as { stderr?: string }).stderr || error).slice(-2_000))
    console.error(await stage.lastWords())
  }
} finally {
  await stage.clear()
}
if (process.exitCode === 0) stage.say('all of it was tried')
process.exit()
