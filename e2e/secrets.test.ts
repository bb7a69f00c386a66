import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { getSeats, registerApp, type Seat, updateLease } from '@cloister/chain'
import { endorsementsFor } from '@cloister/client'
import { hashManifest, type Manifest, parseManifest, ROUTE_HEADER } from '@cloister/core'
import { DEVELOPMENT_ROLES, developmentAccount } from '@cloister/development/accounts'
import { releaseFreshness } from '@cloister/key-service/protocol'
import { apps, type Cloister, createCloister, leases, sessionOf, workerOfRecord } from '@cloister/sdk'
import { generateKeyPair, readEnvelope } from '@cloister/secrets'
import { fetchOver } from '@cloister/transport'
import type { Hex } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { canDeploy, crash, type Json, raiseStage, type Stage, until } from './embedded.ts'

const SECRET = 'the-quick-brown-fox-is-sealed'
const SERVER = `const fs = require('fs'); require('http').createServer((_, r) => r.end(JSON.stringify({ word: process.env.WORD, key: fs.readFileSync('/run/secrets/tls.key', 'utf8') }))).listen(3000)`
const compose = (cpus: string, more = '') => `services:
  web:
    image: cloister/hello:1
    command: [node, -e, ${JSON.stringify(SERVER)}]
    ports: ['80:3000']
    restart: always
    stop_grace_period: 100ms
    cpus: ${cpus}
    mem_limit: 96m
    x-sealed: [WORD]
    secrets: [tls.key]
${more}secrets:
  tls.key: { external: true }
`

describe.skipIf(!canDeploy)(
  'sealed secrets on a running network',
  () => {
    let stage: Stage
    let tenant: Cloister
    /** Whoever leases the instances of the key service. */
    let landlord: Cloister
    let app: Hex

    const file = (name: string, text: string) => {
      const path = join(stage.folder, name)
      writeFileSync(path, text)
      return path
    }
    const governance = () => ['--account', `dev${DEVELOPMENT_ROLES.faucet}`]
    /** What the tenant's service answers. */
    const shop = async (): Promise<Json> => {
      const [route] = await leases.routesOf(tenant, (await leases.findLease(tenant, 'shop')).lease)
      return (await fetch(route?.loopbackUrl ?? '', { signal: AbortSignal.timeout(5_000) })).json()
    }
    const sealed = () => readEnvelope(JSON.parse(readFileSync(join(stage.folder, 'shop.sealed'), 'utf8')))
    const v2 = () => manifestOf(join(stage.folder, 'v2.yaml'))
    /** A request to an instance of the key service, as anybody could make it. */
    const ask = async (seat: Seat, path: string, body?: unknown) => {
      const { connection } = workerOfRecord(tenant.network, await tenant.index.worker(seat.worker))
      return fetchOver(connection.agent, connection.endpoint, connection.endpoint + path, {
        method: body === undefined ? 'GET' : 'POST',
        headers: { [ROUTE_HEADER]: `${seat.lease}/`, 'content-type': 'application/json' },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      })
    }

    beforeAll(async () => {
      stage = await raiseStage({ keys: true })
      const { network } = stage.embedded
      tenant = createCloister({ network, account: developmentAccount(network, DEVELOPMENT_ROLES.tenants[0]) })
      landlord = createCloister({
        network,
        account: developmentAccount(network, DEVELOPMENT_ROLES.faucet),
      })
      await stage.embedded.keys
      file('v1.yaml', compose('0.25'))
      file('v2.yaml', compose('0.2'))
      file('prod.env', `WORD=${SECRET}\n`)
      file('tls.key', 'a private key\n')
    }, 300_000)

    afterAll(() => stage.end(), 180_000)

    it('the key service has three seats of three providers, and says so', async () => {
      const seats = await apps.keyService(tenant)
      expect(new Set(seats.map(({ provider }) => provider)).size).toBe(3)
      for (const seat of seats) expect(seat).toMatchObject({ state: { open: true }, problem: undefined })
      expect((await stage.cloister('keys')).stdout).toContain('any one may be lost')
    })

    it('says what is missing before anything is asked or paid', async () => {
      const { code, stderr } = await stage.cloister('deploy', 'v1.yaml', '--for', '1h', '--yes')
      expect(code).toBe(1)
      expect(stderr).toMatch(/takes sealed secrets that are not given: .*WORD/)
    })

    it('gives a service its secrets, and nobody else', async () => {
      const registered = await stage.json('apps', 'create', 'shop', 'v1.yaml')
      app = registered.app
      expect(registered).toMatchObject({ manifests: [{ void: false }], measurements: [{ void: false }] })
      await expect.poll(() => apps.list(tenant, registered.owner)).toEqual([{ app, name: 'shop' }])
      const deployed = await stage.json(
        'deploy',
        'v1.yaml',
        '--for',
        '2h',
        '--name',
        'shop',
        '--yes',
        '--app',
        'shop',
        '--secrets',
        'prod.env',
        '--secret-file',
        'tls.key=tls.key',
      )
      expect(await shop()).toEqual({ word: SECRET, key: 'a private key\n' })
      // Neither the chain, nor the index, nor any log or store of the network's has it in the open.
      for (const part of [
        'logs',
        'index',
        'chain',
        ...['oak', 'elm', 'ash'].map((name) => `workers/${name}/worker.db`),
      ])
        expect(everythingIn(join(stage.folder, 'state', part))).not.toContain(SECRET)
      expect(JSON.stringify(deployed)).not.toContain(SECRET)
    })

    it('a file that the registry does not list gets no keys, and what ran runs on', async () => {
      const { code, stderr } = await stage.cloister('update', 'shop', 'v2.yaml')
      expect(code).toBe(1)
      expect(stderr).toContain('does not allow the manifest')
      expect(stderr).toContain('The manifest before runs on')
      expect(await shop()).toMatchObject({ word: SECRET })
      await stage.json('apps', 'allow', 'shop', 'v2.yaml')
      await leases.update(tenant, 'shop', v2())
      expect(await shop()).toMatchObject({ word: SECRET })
      await stage.json('apps', 'forbid', 'shop', 'v1.yaml')
      await expect(leases.update(tenant, 'shop', manifestOf(join(stage.folder, 'v1.yaml')))).rejects.toThrow(
        /does not allow the manifest/,
      )
    })

    it('new secrets reach what runs', async () => {
      file('new.env', 'WORD=rotated\n')
      expect(
        (await stage.cloister('update', 'shop', 'v2.yaml', '--app', 'shop', '--secrets', 'new.env')).code,
      ).toBe(0)
      // The one that isn't named stays, by its writer's word.
      expect(await shop()).toEqual({ word: 'rotated', key: 'a private key\n' })
      const path = join(stage.folder, 'shop.sealed')
      await stage.json(
        'secrets',
        'seal',
        '--app',
        'shop',
        '--secrets',
        'prod.env',
        '--secret-file',
        'tls.key=tls.key',
        '-o',
        path,
      )
      expect(readFileSync(path, 'utf8')).not.toContain(SECRET)
      await leases.update(tenant, 'shop', v2(), { envelope: sealed() })
      expect(await shop()).toMatchObject({ word: SECRET })
    })

    it('a replica that is lost is opened again by whoever keeps it, with what was sealed', async () => {
      const crowd = file(
        'crowd.yaml',
        `name: crowd\nx-spread: workers\n${compose('0.1', '    deploy: { replicas: 2 }\n')}`,
      )
      await stage.json('apps', 'allow', 'shop', crowd)
      const { replicas } = await stage.json(
        'deploy',
        crowd,
        '--for',
        '1h',
        '--yes',
        '--sealed',
        'shop.sealed',
      )
      const lost = replicas[1]
      const provider = DEVELOPMENT_ROLES.providers.find(
        (number) => developmentAccount(stage.embedded.network, number).address === lost.provider,
      )
      await stage.json('provider', 'end', lost.lease, '--account', `dev${provider}`)
      const keep = ['keep', 'crowd', '--replace', '--most-per-day', '5', '--once']
      expect((await stage.cloister(...keep)).stdout).toContain('takes sealed secrets that are not given')
      // An attempt that came to nothing is not made again at once.
      rmSync(join(stage.folder, 'keep'), { recursive: true })
      await stage.cloister(...keep, '--sealed', 'crowd=shop.sealed')
      const members = await stage.json('status', 'crowd')
      expect(members.map((one: Json) => [one.name, one.state])).toEqual([
        ['crowd/0', 'running'],
        ['crowd/1', 'running'],
      ])
      expect(members[1].lease).not.toBe(lost.lease)
      const [route] = await leases.routesOf(tenant, members[1].lease)
      const page = await fetch(route?.loopbackUrl ?? '', { signal: AbortSignal.timeout(5_000) })
      expect(await page.json()).toEqual({ word: SECRET, key: 'a private key\n' })
      await stage.json('close', 'crowd')
    })

    it('another tenant gets nothing with the same file and the same sealed secrets', async () => {
      const { network } = stage.embedded
      const thief = createCloister({
        network,
        account: developmentAccount(network, DEVELOPMENT_ROLES.tenants[1]),
      })
      const deposit = ({ bid }: { bid: { ratePerSecond: bigint } }) => bid.ratePerSecond * 3600n
      await expect(
        leases.deploy(thief, { manifest: v2(), envelope: sealed(), pay: 'USDC', deposit }),
      ).rejects.toThrow(/by this tenant/)
    })

    it('secrets for the manifest on the lease reach no other one that runs for it', async () => {
      // The tenant's own app allows a manifest that the shop's does not, and that one runs.
      const evil = manifestOf(file('evil.yaml', compose('0.15')))
      const measurements = [
        ...new Set(
          (await tenant.index.workers({ covered: true })).flatMap(({ measurement }) =>
            measurement ? [measurement] : [],
          ),
        ),
      ]
      if (!tenant.wallet) throw new Error('the tenant has an account')
      const own = await registerApp(tenant.wallet, {
        name: 'own',
        upgradeDelay: 0,
        manifests: [hashManifest(evil)],
        measurements,
      })
      const dummy = { WORD: Buffer.from('dummy'), 'tls.key': Buffer.from('none') }
      const deposit = ({ bid }: { bid: { ratePerSecond: bigint } }) => bid.ratePerSecond * 3600n
      const { lease } = await leases.deploy(tenant, {
        manifest: evil,
        envelope: await apps.seal(tenant, own, dummy),
        pay: 'USDC',
        deposit,
      })
      const record = await leases.findLease(tenant, lease)
      const worker = sessionOf(tenant, record).asTenant
      // On chain: the manifest that the shop's registry allows. To the worker: the shop's secrets, for what
      // runs.
      await updateLease(tenant.wallet, lease, hashManifest(v2()))
      await worker.putSecrets(lease, sealed())
      const report = await until('the worker was refused', async () => {
        const found = await worker.lease(lease)
        return found.failed && found
      })
      expect(report.failed?.reason).toContain('The worker would start the manifest')
      expect(report.manifestHash).toBe(hashManifest(evil))
      const [route] = await leases.routesOf(tenant, lease)
      const answer = await fetch(route?.loopbackUrl ?? '', { signal: AbortSignal.timeout(5_000) })
      expect(await answer.json()).toMatchObject({ word: 'dummy' })
      await leases.close(tenant, lease)
    })

    it('the key service answers no evidence that was not made for the question', async () => {
      const [seat] = (await getSeats(tenant.chain)) as [Seat]
      const lease = await leases.findLease(tenant, 'shop')
      const record = await tenant.index.worker(lease.worker)
      const transport = await generateKeyPair()
      const { challenge } = (await (await ask(seat, '/v1/challenge')).json()) as { challenge: Hex }
      const question = {
        app,
        lease: lease.lease,
        manifestHash: hashManifest(v2()),
        challenge,
        transportKey: Buffer.from(transport.publicKey).toString('base64'),
      }
      // A worker quotes any number for anybody, so this is a genuine, fresh quote of the very worker, over
      // the very question.
      const report = await workerOfRecord(tenant.network, record).evidence(releaseFreshness(question))
      const endorsements = await endorsementsFor(stage.embedded.network, {
        kind: report.kind,
        quote: Buffer.from(report.quote, 'base64'),
      })
      const thief = developmentAccount(stage.embedded.network, DEVELOPMENT_ROLES.tenants[1])
      const evidence = {
        worker: record.worker,
        kind: report.kind,
        tlsKeyHash: report.tlsKeyHash,
        quote: report.quote,
        endorsements,
      }
      const signature = await thief.signMessage({ message: 'not the worker' })
      const refused = await ask(seat, '/v1/release', { ...question, evidence: { ...evidence, signature } })
      expect(refused.status).toBe(403)
      expect(await refused.json()).toMatchObject({
        code: 'not-attested',
        title: 'The worker’s key did not sign what the evidence is for.',
      })
      const again = await ask(seat, '/v1/release', { ...question, evidence: { ...evidence, signature } })
      expect(await again.json()).toMatchObject({ code: 'stale' })
      const asPeer = await ask(seat, '/v1/exchange', {
        seat: (seat.index + 1) % 3,
        challenge: ((await (await ask(seat, '/v1/challenge')).json()) as { challenge: Hex }).challenge,
        transportKey: question.transportKey,
        evidence: { ...evidence, signature },
      })
      expect(await asPeer.json()).toMatchObject({ code: 'not-attested' })
      for (const body of [
        '{',
        '[]',
        JSON.stringify({ ...question, evidence: { ...evidence, signature, quote: 'AAAA' } }),
      ]) {
        const { connection } = workerOfRecord(tenant.network, await tenant.index.worker(seat.worker))
        const { agent, endpoint } = connection
        const response = await fetchOver(agent, endpoint, `${endpoint}/v1/release`, {
          method: 'POST',
          headers: { [ROUTE_HEADER]: `${seat.lease}/` },
          body,
        })
        expect(response.status).toBeGreaterThanOrEqual(400)
        expect(response.status).toBeLessThan(500)
      }
    })

    it('whoever leases an instance gets nothing out of it', async () => {
      expect((await stage.cloister('exec', 'keys-0', ...governance(), '--', 'sh')).stderr).toContain(
        'nobody run commands',
      )
      const spy = file(
        'spy.yaml',
        `services:\n  keys:\n    image: cloister/hello:1\n    command: [sh, -c, 'cat /data/*; echo; echo looked; sleep 1000']\n    volumes: ['held:/data']\n    cpus: 0.1\n    mem_limit: 64m\n    storage_opt: { size: 64m }\nvolumes:\n  held: { x-size: 16m }\n`,
      )
      await leases.update(landlord, 'keys-0', manifestOf(spy))
      // What it kept is sealed to its own manifest, and its seat is gone for as long as it runs another.
      const logs = await until('the spy has looked', async () => {
        const { stdout } = await stage.cloister('logs', 'keys-0', ...governance())
        return stdout.includes('looked') && stdout
      })
      expect(logs).not.toContain('parts')
      expect(await getSeats(tenant.chain)).toHaveLength(2)
      // The other two go on alone: a service that starts now gets its secrets.
      await leases.update(tenant, 'shop', v2(), { envelope: sealed() })
      expect(await shop()).toMatchObject({ word: SECRET })
    })

    it('an instance that is lost is replaced, and then another one, and every secret opens still', async () => {
      for (const seat of [0, 1]) {
        await leases.close(landlord, `keys-${seat}`)
        await until('the seat is free', async () =>
          (await getSeats(tenant.chain)).every(({ index }) => index !== seat),
        )
        await stage.embedded.fillSeats()
      }
      expect((await apps.keyService(tenant)).every(({ state }) => state?.open)).toBe(true)
      await leases.update(tenant, 'shop', v2(), { envelope: sealed() })
      expect(await shop()).toMatchObject({ word: SECRET })
      await apps.seal(tenant, app, { MORE: Buffer.from('x') })
    })

    it('a worker that crashed goes on with what it was given', async () => {
      const { name } = await workerOfRecord(tenant.network, await leases.findLease(tenant, 'shop')).report()
      await crash(stage.embedded, name)
      await until('the service answers', async () => (await shop()).word === SECRET, 60_000)
      // Its instance of the key service found the agent's socket again.
      await until(
        'all seats answer',
        async () => (await apps.keyService(tenant)).every(({ state }) => state?.open),
        60_000,
      )
    })
  },
  300_000,
)

function manifestOf(path: string): Manifest {
  return parseManifest(readFileSync(path, 'utf8'), { file: 'compose.yaml', env: {} }).manifest
}

function everythingIn(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return readdirSync(path, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
      .join('\n')
  }
}
