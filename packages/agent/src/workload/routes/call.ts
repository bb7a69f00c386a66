import { getLease } from '@cloister/chain'
import { callService, IndexClient, workerOfRecord } from '@cloister/client'
import { CloisterError, checkRequest } from '@cloister/core'
import { type LeaseAnswer, LeaseCall } from '@cloister/workload/wire'
import { bodyOf, type Route } from '../route.ts'

/** The way to a service of another lease, over the attested key of the worker that has it. */
export const callRoute: Route = {
  add: (app, { chain }) => {
    app.post('/v1/call', async (context) => {
      const call = checkRequest(LeaseCall, await bodyOf(context))
      const target = await getLease(chain, call.lease)
      if (target.state !== 'open') throw new CloisterError('not-found', 'There is no such open lease.')
      const { network } = chain
      const record = await new IndexClient(network.indexerUrl).worker(target.worker)
      const { status, text } = await callService(workerOfRecord(network, record), call.lease, call)
      return context.json({ status, body: text } satisfies LeaseAnswer)
    })
  },
}
