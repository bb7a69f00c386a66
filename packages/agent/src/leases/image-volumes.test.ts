import { describe, expect, it } from 'vitest'
import { imageVolumes } from './image-volumes.ts'

const service = (parts: object = {}) => ({ mounts: [], tmpfs: [], files: [], ...parts })
const paths = (volumes: string[], parts: object = {}) =>
  imageVolumes('web-0', { volumes }, service(parts)).map(({ path }) => path)

describe('what an image says is a volume', () => {
  it('is one of each container’s own', () => {
    const of = (container: string) => imageVolumes(container, { volumes: ['/var/lib/db'] }, service())
    expect(of('web-0')).toEqual([
      { volume: expect.stringMatching(/^web-0\.image-[0-9a-f]{12}$/), path: '/var/lib/db', readOnly: false },
    ])
    expect(of('web-0')).toEqual(of('web-0'))
    expect(of('web-1')[0]?.volume).not.toBe(of('web-0')[0]?.volume)
  })

  it('yields to what the service mounts there, however that is written', () => {
    const at = (path: string) => ({ volume: 'data', path, readOnly: false })
    expect(
      paths(['/data', '/logs/', '/run'], {
        mounts: [at('/data/'), at('/logs')],
        tmpfs: [{ path: '//run', sizeMiB: 1 }],
      }),
    ).toEqual([])
    expect(paths(['/data/', '//data', '/data/./'])).toEqual(['/data'])
  })

  it('is passed over where no engine could have a volume', () => {
    expect(
      paths([
        '/',
        '',
        'data',
        '/proc',
        '/proc/self/fd',
        '//sys',
        '/dev/shm',
        '/../etc',
        '/a/../../b',
        '/a:b',
        '/a\nb',
        '/ok',
      ]),
    ).toEqual(['/ok'])
    expect(paths(Array.from({ length: 1000 }, (_, index) => `/v${index}`))).toHaveLength(32)
  })
})
