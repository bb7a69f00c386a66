import { Agent, request } from 'node:http'

/** Requests that are on their way at a time. */
const AT_ONCE = 32

/** Posts bodies to a server, many at a time; returns milliseconds. Throws where one isn't taken. */
export async function postAll(url: string, bodies: readonly string[]): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE })
  const left = bodies.values()
  const begun = performance.now()
  const work = async () => {
    for (const body of left) await post(url, body, agent)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  const took = performance.now() - begun
  agent.destroy()
  return took
}

function post(url: string, body: string, agent: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method: 'POST', agent }, (response) => {
      let said = ''
      response.setEncoding('utf8').on('data', (piece: string) => {
        said += piece
      })
      response.on('end', () => {
        if (response.statusCode === 200) resolve()
        else reject(new Error(`a vote was not taken: ${said.slice(0, 300)}`))
      })
    })
    asked.on('error', reject)
    asked.end(body)
  })
}
