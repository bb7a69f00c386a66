// The same events as our indexer folds, into the same kind of row; ours keeps the raw events and payments as
// well.
import { ponder } from 'ponder:registry'
import { lease, worker } from 'ponder:schema'

ponder.on('Market:LeaseOpened', async ({ event, context }) => {
  const { id, tenant, worker: by, provider, deposit } = event.args
  await context.db
    .insert(lease)
    .values({ id, tenant, worker: by, provider, open: true, deposit, spent: 0n, fee: 0n, refund: 0n })
})
ponder.on('Market:LeaseSettled', async ({ event, context }) => {
  const { id, amount, fee } = event.args
  await context.db.update(lease, { id }).set((row) => ({ spent: row.spent + amount, fee: row.fee + fee }))
})
ponder.on('Market:LeaseClosed', async ({ event, context }) => {
  await context.db.update(lease, { id: event.args.id }).set({ open: false, refund: event.args.refund })
})
ponder.on('Workers:WorkerRegistered', async ({ event, context }) => {
  await context.db
    .insert(worker)
    .values({ address: event.args.worker, provider: event.args.provider, coveredUntil: 0n })
})
ponder.on('Workers:Covered', async ({ event, context }) => {
  await context.db.update(worker, { address: event.args.worker }).set({ coveredUntil: event.args.until })
})
