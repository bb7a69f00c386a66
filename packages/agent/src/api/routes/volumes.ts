import { Readable } from 'node:stream'
import {
  bytes32,
  CloisterError,
  DIGEST_BYTES,
  MAX_KNOWN_BLOCKS,
  messageOf,
  StagedReport,
  StagedVolume,
  StagingReport,
  TICKET_HEADER,
  VOLUME_NAME_PATTERN,
  VolumesReport,
} from '@cloister/core'
import { inBlocks } from '@cloister/transport'
import type { HttpBindings } from '@hono/node-server'
import { z } from '@hono/zod-openapi'
import { bodyLimit } from 'hono/body-limit'
import type { Hex } from 'viem'
import type { StoredLease } from '../../store.ts'
import {
  accepted,
  body,
  json,
  params,
  problem,
  type Route,
  requireTenant,
  route,
  security,
} from '../route.ts'
import type { Worker } from '../worker.ts'

const named = params.extend({ name: z.string().regex(VOLUME_NAME_PATTERN) })
const octets = { content: { 'application/octet-stream': { schema: z.any() } }, required: true }

export const volumesRoute = route(
  {
    method: 'get',
    path: '/v1/leases/{id}/volumes',
    summary: 'Volumes that hold what the containers of a lease wrote',
    security,
    request: { params },
    responses: { 200: json(VolumesReport, 'Their names.'), 401: problem, 403: problem, 404: problem },
  },
  async (context, worker) => {
    const { id } = context.req.valid('param')
    await requireTenant(context, worker, id)
    return context.json({ volumes: await worker.executor.volumes(id) }, 200)
  },
)

const readRoute = route(
  {
    method: 'post',
    path: '/v1/leases/{id}/volumes/{name}/read',
    summary: 'Read a volume: its inventory, and blocks that are not among those named',
    description: `The body is digests of blocks that are known, ${DIGEST_BYTES} bytes each; the answer is frames.`,
    security,
    request: { params: named, body: octets },
    responses: {
      200: { content: { 'application/octet-stream': { schema: z.any() } }, description: 'Frames.' },
      401: problem,
      403: problem,
      404: problem,
      413: problem,
      503: problem,
    },
  },
  async (context, worker) => {
    const { id, name } = context.req.valid('param')
    requireReadable(await requireTenant(context, worker, id), name)
    const known = new Uint8Array(await context.req.arrayBuffer())
    if (known.length % DIGEST_BYTES > 0)
      throw new CloisterError('bad-request', `The body has ${DIGEST_BYTES} bytes for each block.`)
    const frames = await readVolume(worker, id, name, known)
    return context.body(Readable.toWeb(frames) as ReadableStream, 200, {
      'content-type': 'application/octet-stream',
      'cache-control': 'no-store',
    })
  },
)

/**
 * Throws `forbidden` for a volume of a service that lets nobody look inside, as `exec` is refused there.
 * Those of images are called by their containers.
 */
export function requireReadable(
  { running, next }: Pick<StoredLease, 'running' | 'next'>,
  volume: string,
): void {
  for (const accepted of [running, next])
    for (const [name, { exec, mounts }] of Object.entries(accepted?.manifest.services ?? {}))
      if (
        exec === false &&
        (mounts.some((mount) => mount.volume === volume) || volume.startsWith(`${name}-`))
      )
        throw new CloisterError(
          'forbidden',
          `${name} lets nobody look at what it writes: its manifest says so.`,
        )
}

/** Begins to read; whoever lets go of the frames ends it. */
async function readVolume(worker: Worker, id: Hex, name: string, known: Uint8Array): Promise<Readable> {
  const { done } = worker.volumes.beginReading(id)
  const aborter = new AbortController()
  try {
    const { promise, resolve, reject } = Promise.withResolvers<Readable>()
    const reading = worker.executor.readVolume(id, name, { known, output: resolve, signal: aborter.signal })
    reading
      .then(
        () => {},
        (error) => {
          reject(error)
          if (!aborter.signal.aborted)
            worker.log('warn', 'a volume could not be read', { lease: id, error: messageOf(error) })
        },
      )
      .finally(done)
    const frames = await promise
    frames.once('close', () => frames.readableEnded || aborter.abort())
    return frames
  } catch (error) {
    done()
    throw error
  }
}

export const beginStagingRoute = route(
  {
    method: 'post',
    path: '/v1/leases/{id}/volumes/{name}/staging',
    summary: 'Say that a volume is to be filled before the lease has a manifest, and hear what of it is here',
    security,
    request: { params: named, body: body(z.strictObject({})) },
    responses: {
      200: json(StagingReport, 'What is here, and a ticket for the rest.'),
      401: problem,
      403: problem,
      404: problem,
      409: problem,
      503: problem,
    },
  },
  async (context, worker) => {
    const { id, name } = context.req.valid('param')
    await requireTenant(context, worker, id)
    const { resources } = worker.supervisor.requireOpen(id)
    await requireFresh(worker, id, name)
    return context.json(await worker.volumes.begin(id, name, resources.diskMiB), 200)
  },
)

const stageRoute = route(
  {
    method: 'put',
    path: '/v1/leases/{id}/volumes/{name}/staging',
    summary: 'Send blocks of a volume that is to be filled, in frames',
    request: { params: named, headers: z.object({ [TICKET_HEADER]: bytes32 }), body: octets },
    responses: {
      200: json(StagedReport, 'They are here.'),
      400: problem,
      401: problem,
      413: problem,
      503: problem,
    },
  },
  async (context, worker) => {
    const { id: lease, name: volume } = context.req.valid('param')
    const ticket = context.req.valid('header')[TICKET_HEADER]
    const bytes = inBlocks((context.env as HttpBindings).incoming)
    return context.json(await worker.volumes.receive({ lease, volume, ticket }, bytes), 200)
  },
)

export const finishStagingRoute = route(
  {
    method: 'put',
    path: '/v1/leases/{id}/volumes/{name}',
    summary: 'Fill a volume with what was sent, once the lease has a manifest that mounts it',
    security,
    request: { params: named, body: body(StagedVolume) },
    responses: {
      202: accepted('Written down.'),
      401: problem,
      403: problem,
      404: problem,
      409: problem,
    },
  },
  async (context, worker) => {
    const { id, name } = context.req.valid('param')
    await requireTenant(context, worker, id)
    worker.supervisor.requireOpen(id)
    await requireFresh(worker, id, name)
    await worker.volumes.finish(id, name, context.req.valid('json').inventory)
    return context.json({ lease: id }, 202)
  },
)

/** Throws `exists` for a volume that is there: what was written is nobody's to write over. */
async function requireFresh(worker: Worker, id: Hex, name: string): Promise<void> {
  if ((await worker.executor.volumes(id)).includes(name))
    throw new CloisterError('exists', `The lease has a volume ${name} already, and what is in it stays.`, {
      hint: 'Fill volumes of a new lease.',
    })
}

/**
 * Their bodies are larger than others, or read as they come, so they are added before what reads bodies
 * whole.
 */
export const volumeStreams: Route = {
  add: (app, worker) => {
    const limit = bodyLimit({
      maxSize: MAX_KNOWN_BLOCKS * DIGEST_BYTES,
      onError: () => {
        throw new CloisterError('too-large', `At most ${MAX_KNOWN_BLOCKS} blocks are named as known.`)
      },
    })
    app.use('/v1/leases/:id/volumes/:name/read', limit)
    readRoute.add(app, worker)
    stageRoute.add(app, worker)
  },
}
