import { describe, expect, it } from 'vitest'
import { parseManifest } from './parse.ts'
import { ManifestError } from './source.ts'

/** Lines and fields of all that is wrong with a file. */
function problemsOf(text: string): [number, string][] {
  try {
    parseManifest(text, { file: 'compose.yaml' })
    return []
  } catch (error) {
    if (!(error instanceof ManifestError)) throw error
    return [error, ...error.others].map(({ line, field }) => [line, field])
  }
}

describe('a file with several mistakes', () => {
  it('has all of them said at once, by line', () => {
    const text = `services:
  web:
    image: nginx
    portz: ["80"]
    ports: ["80:99999", "8080:80", "x"]
    environment: ["A=1", "=2"]
  db:
    image: postgres
    privileged: true
`
    expect(problemsOf(`${text}netwerks: {}\n`)).toEqual([[10, 'netwerks']])
    expect(problemsOf(text)).toEqual([
      [4, 'services.web.portz'],
      [5, 'services.web.ports[0]'],
      [5, 'services.web.ports[2]'],
      [6, 'services.web.environment[1]'],
      [9, 'services.db.privileged'],
    ])
  })

  it('has twenty of them said, and no more looked for', () => {
    const ports = Array.from({ length: 60 }, (_, index) => `"port ${index}"`)
    const text = `services:\n  web:\n    image: nginx\n    ports: [${ports.join(', ')}]\n`
    expect(problemsOf(text)).toHaveLength(20)
  })

  it('says nothing that only follows from a mistake', () => {
    expect(problemsOf('services:\n  web:\n    imagee: nginx\n')).toEqual([[3, 'services.web.imagee']])
  })
})
