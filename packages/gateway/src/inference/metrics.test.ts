import { expose, openRegistry } from '@cloister/operations/metrics'
import { expect, it } from 'vitest'
import { gatewayMetrics } from '../metrics.ts'
import { endpointMetrics } from './metrics.ts'
import { leaseIdOf, raiseStage } from './testing.ts'

it('counts what is asked and refused, and tells nothing of it', async () => {
  const registry = openRegistry()
  const stage = await raiseStage(2, { observer: gatewayMetrics(registry) })
  endpointMetrics(registry, stage.gateway.endpoints)
  try {
    const ask = async (more: object) => {
      const answer = await fetch(`${stage.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: 'Bearer sk-clo-secret' },
        body: JSON.stringify({ model: 'tiny', messages: [{ role: 'user', content: 'whisper' }], ...more }),
      })
      await answer.text()
    }
    await ask({ stream: true })
    await ask({ model: 'unheard-of' })
    const [broken] = stage.workers
    if (broken) broken.engine = (_, __, response) => response.destroy()
    await ask({ messages: [] })
    await ask({ messages: [] })
    const { text } = await expose(registry)
    const value = (line: string) =>
      Number(new RegExp(`^cloister_gateway_inference_${line} (\\S+)$`, 'm').exec(text)?.[1])
    expect(value('requests_total{model="tiny",status="2xx"}'.replace(/[{}]/g, '\\$&'))).toBe(3)
    expect(value('first_token_seconds_count\\{model="tiny"\\}')).toBe(3)
    expect(value('refused_total\\{reason="unknown-model"\\}')).toBe(1)
    expect(value('retries_total\\{reason="unreachable"\\}')).toBe(1)
    expect(value('under_way')).toBe(0)
    expect(value('endpoints\\{state="ready"\\}')).toBe(1)
    expect(value('endpoints\\{state="away"\\}')).toBe(1)
    expect(value(`endpoint_ready\\{lease="${leaseIdOf(0).slice(2, 18)}"\\}`)).toBe(0)
    for (const told of ['whisper', 'secret', 'unheard-of']) expect(text).not.toContain(told)
  } finally {
    await stage.end()
  }
})
