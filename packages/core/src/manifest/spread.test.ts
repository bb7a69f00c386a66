import { describe, expect, it } from 'vitest'
import { hashManifest } from './canonical.ts'
import { parseManifest } from './parse.ts'

const parse = (text: string) => parseManifest(text, { file: 'compose.yaml' })
const WEB = 'image: web, x-spread: workers, deploy: { replicas: 3 }'

describe('x-spread', () => {
  it('makes replicas leases on as many workers, each with one container of the service', () => {
    const { manifest, spread } = parse(`services: { web: { ${WEB} } }`)
    expect([spread, manifest.services['web']?.count]).toEqual([3, 1])
    expect(parse('services: { web: { image: web, deploy: { replicas: 3 } } }').spread).toBeUndefined()
  })

  it('is no part of the manifest, so that every replica has the same', () => {
    const three = parse(`services: { web: { ${WEB} } }`)
    const two = parse(`services: { web: { ${WEB.replace('3', '2')} } }`)
    expect(hashManifest(three.manifest)).toBe(hashManifest(two.manifest))
  })

  it('of the file means all of its services, whichever states the number', () => {
    const { manifest, spread } = parse(
      'x-spread: workers\nservices: { web: { image: web, scale: 4 }, cache: { image: cache } }',
    )
    expect([spread, manifest.services['cache']?.count]).toEqual([4, 1])
  })

  it.each([
    ['another word', 'services: { web: { image: web, x-spread: providers } }', 'found "providers"'],
    ['no number', 'services: { web: { image: web, x-spread: workers } }', 'there is one replica'],
    ['two numbers', `services: { web: { ${WEB} }, api: { image: a, x-spread: workers, scale: 2 } }`, '3, 2'],
    ['too many', `services: { web: { ${WEB.replace('3', '33')} } }`, '33 replicas are too many'],
    ['a service beside it', `services: { web: { ${WEB} }, db: { image: db } }`, 'db would run once on each'],
    [
      'a job',
      `services: { web: { ${WEB} }, j: { image: j, x-spread: workers, x-schedule: "@daily" } }`,
      'j would be',
    ],
    [
      'a shared volume',
      `services: { web: { ${WEB}, volumes: ["v:/v"] } }\nvolumes: { v: { x-size: 1g } }`,
      'the volume v',
    ],
    [
      'a folder of the host',
      `services: { web: { ${WEB}, volumes: ["/srv/data:/v"] } }`,
      'would be another one on each',
    ],
  ])('refuses %s, and says what to do', (_, text, why) => {
    expect(() => parse(text)).toThrow(why)
  })

  it('lets each replica have a volume of its own where the file says so, or nobody can share it', () => {
    const own = `services: { web: { ${WEB}, volumes: ["v:/v"] } }\nvolumes: { v: { x-size: 1g, x-spread: workers } }`
    expect(parse(own).manifest.volumes).toHaveProperty('v')
    expect(parse(`services: { web: { ${WEB}, volumes: ["/cache"] } }`).spread).toBe(3)
  })

  it('of a volume alone says nothing, and a warning tells so', () => {
    const { warnings } = parse(
      'services: { web: { image: web, volumes: ["v:/v"] } }\nvolumes: { v: { x-size: 1g, x-spread: workers } }',
    )
    expect(warnings.map(({ message }) => message).join()).toContain('v is on one worker')
  })
})
