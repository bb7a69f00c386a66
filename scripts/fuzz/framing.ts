// Generated messages through gateway and worker beside nginx and HAProxy: node scripts/fuzz/framing.ts
// [messages] [first] [seconds at most]
import { Differential, type Findings } from '../../e2e/differential.ts'

const SLICE = 500

const [messages = 100_000, first = 0, seconds = 86_400] = process.argv.slice(2).map(Number)
const differential = new Differential()
await differential.begin()
try {
  const began = performance.now()
  const passed: Findings['passed'] = { ours: 0, careful: 0, nginx: 0, haproxy: 0 }
  let [done, violations] = [0, 0]
  while (done < messages && performance.now() - began < seconds * 1000) {
    const slice = Math.min(SLICE, messages - done)
    const findings = await differential.run(first + done, first + done + slice)
    done += slice
    violations += findings.violations.length
    for (const way of ['ours', 'careful', 'nginx', 'haproxy'] as const) passed[way] += findings.passed[way]
    for (const { seed, message, requests } of findings.violations)
      console.log(seed, JSON.stringify(requests), JSON.stringify(message))
  }
  const took = Math.round((performance.now() - began) / 1000)
  console.log(
    `${done} messages in ${took} s; reached a service: ${JSON.stringify(passed)}; violations: ${violations}`,
  )
  process.exitCode = violations > 0 ? 1 : 0
} finally {
  await differential.end()
}
