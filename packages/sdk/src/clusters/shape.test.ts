import { hashManifest, type Manifest, parseManifest } from '@cloister/core'
import { describe, expect, it } from 'vitest'
import { clusterShape, manifests, memberManifest, memberName } from './shape.ts'

const manifestOf = (text: string): Manifest => parseManifest(text, { file: 'compose.yaml' }).manifest
const WEB = 'services:\n  web:\n    image: a\n    environment: { OWN: "1" }\n'

describe('the leases of a cluster', () => {
  it('have manifests that differ in their rank alone', () => {
    const manifest = manifestOf(`x-network: grid\n${WEB}`)
    const shape = clusterShape(manifest, 'mpi', 3)
    expect(shape).toEqual({ name: 'mpi', network: 'grid', size: 3 })
    const members = [0, 1, 2].map((rank) => memberManifest(manifest, shape, rank))
    expect(members.map(({ services }) => services['web']?.env)).toEqual(
      [0, 1, 2].map((rank) => ({
        OWN: '1',
        CLOISTER_RANK: String(rank),
        CLOISTER_SIZE: '3',
        CLOISTER_PEERS: 'mpi-0.grid,mpi-1.grid,mpi-2.grid',
      })),
    )
    expect(new Set(members.map(hashManifest)).size).toBe(3)
    expect(memberName(shape, 2)).toBe('mpi-2')
    expect(manifests(manifest, { name: 'mpi', size: 3 })).toEqual(members)
  })

  it('are on a network called as the cluster is, where the file names none', () => {
    const manifest = manifestOf(WEB)
    const shape = clusterShape(manifest, 'mpi', 1)
    expect(memberManifest(manifest, shape, 0).network).toBe('mpi')
  })

  it.each([0, 65, 1.5, Number.NaN])('are not %s', (size) => {
    expect(() => clusterShape(manifestOf(WEB), 'mpi', size)).toThrow(/1 to 64/)
  })

  it.each(['', 'Mpi', '1', 'a'.repeat(32), '-a', '../a'])('are not called %j', (name) => {
    expect(() => clusterShape(manifestOf(WEB), name, 2)).toThrow(/name/)
  })

  it('set no variable that the file sets, and share no domain', () => {
    const rank = WEB.replace('OWN', 'CLOISTER_RANK')
    expect(() => clusterShape(manifestOf(rank), 'mpi', 2)).toThrow(/web sets CLOISTER_RANK/)
    const domain = `${WEB}    ports: ["8080"]\n    x-domains: [app.example.org]\n`
    expect(() => clusterShape(manifestOf(domain), 'mpi', 2)).toThrow(/app\.example\.org/)
    expect(clusterShape(manifestOf(domain), 'mpi', 1).size).toBe(1)
  })
})
