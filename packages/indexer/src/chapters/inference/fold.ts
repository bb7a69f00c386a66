import type { Address } from 'viem'
import { entity, type Handler, log, type Need, on, type RowOf, type Subject } from '../../engine/chapter.ts'
import type { ChainEvent } from '../../engine/contract.ts'
import type { Rows } from '../../engine/rows.ts'
import { RECEIPTS, VOUCHERS } from './contracts.ts'
import { anchor, channel, offer, purse, sessionKey } from './tables.ts'

/** A subject that events of Vouchers name by an argument, where they are about no channel. */
function subjectBy(kind: string, argument: string, among: readonly string[]): Subject {
  return {
    kind,
    argumentOf: (contract, { name }) =>
      contract === VOUCHERS.name && among.includes(name) ? argument : undefined,
  }
}

export const OFFER = subjectBy('offer', 'id', ['Offered', 'OfferEnded'])
export const PURSE = subjectBy('purse', 'payer', ['PurseFilled', 'PurseEmptied', 'PurseLeaving'])
export const SESSION_KEY = subjectBy('session-key', 'key', ['KeySet'])
export const CHANNEL: Subject = {
  kind: 'channel',
  argumentOf: (contract, { inputs }) =>
    contract === VOUCHERS.name && inputs.some(({ name }) => name === 'channelId') ? 'channelId' : undefined,
}

export const offers = entity(offer, { key: 'id', subject: OFFER.kind, column: offer.id })
export const purses = entity(purse, { key: 'key', subject: PURSE.kind, column: purse.payer })
export const sessionKeys = entity(sessionKey, {
  key: 'key',
  subject: SESSION_KEY.kind,
  column: sessionKey.key,
})
export const channels = entity(channel, { key: 'id', subject: CHANNEL.kind, column: channel.id })
export const anchors = log(anchor)

type ChannelRow = RowOf<typeof channel>
type ChannelEvent<Args = unknown> = ChainEvent<string, Args & { channelId: string }>
type PurseEvent<Args = unknown> = ChainEvent<string, Args & { payer: Address; token: Address }>

const none = () => []
const onOffer = on(VOUCHERS, OFFER.kind)
const onPurse = on(VOUCHERS, PURSE.kind)
const onKey = on(VOUCHERS, SESSION_KEY.kind)
const onChannel = on(VOUCHERS, CHANNEL.kind)

const keyOf = ({ args: { payer, token } }: PurseEvent) => `${payer} ${token}`
const itsPurse = (event: PurseEvent): Need[] => [[purses, keyOf(event)]]
const itsChannel = ({ args }: ChannelEvent): Need[] => [[channels, args.channelId]]

/** Changes a payer's purse, which is there once something was done with it. */
const changePurse =
  <E extends PurseEvent>(by: (before: RowOf<typeof purse>, event: E) => Partial<RowOf<typeof purse>>) =>
  (event: E, rows: Rows): void => {
    const { payer, token } = event.args
    const empty = { filled: 0n, emptied: 0n, leaving: 0n, leavesAt: 0 }
    const before = rows.get(purses, keyOf(event)) ?? { key: keyOf(event), payer, token, ...empty }
    rows.put(purses, { ...before, ...by(before, event) })
  }

const changeChannel =
  <E extends ChannelEvent>(by: (before: ChannelRow, event: E) => Partial<ChannelRow>) =>
  (event: E, rows: Rows): void => {
    rows.change(channels, event.args.channelId, (before) => by(before, event))
  }

export const inferenceHandlers: Handler[] = [
  onOffer('Offered', none, ({ args, time, block, logIndex, transaction }, rows) => {
    const { id, lease, terms, model, options } = args
    rows.put(offers, {
      id,
      lease,
      model,
      options,
      token: terms.token,
      payee: terms.payee,
      input: terms.input,
      cached: terms.cached,
      output: terms.output,
      offeredAt: time,
      endedAt: null,
      block,
      logIndex,
      transaction,
    })
  }),
  onOffer(
    'OfferEnded',
    ({ args }) => [[offers, args.id]],
    ({ args, time }, rows) => {
      rows.change(offers, args.id, () => ({ endedAt: time }))
    },
  ),

  onPurse(
    'PurseFilled',
    itsPurse,
    changePurse(({ filled }, { args }: PurseEvent<{ amount: bigint }>) => ({ filled: filled + args.amount })),
  ),
  onPurse(
    'PurseEmptied',
    itsPurse,
    changePurse(({ emptied }, { args }: PurseEvent<{ amount: bigint }>) => ({
      emptied: emptied + args.amount,
      leaving: 0n,
      leavesAt: 0,
    })),
  ),
  onPurse(
    'PurseLeaving',
    itsPurse,
    changePurse((_, { args }: PurseEvent<{ amount: bigint; leavesAt: bigint }>) => ({
      leaving: args.amount,
      leavesAt: Number(args.leavesAt),
    })),
  ),

  onKey('KeySet', none, ({ args: { key, payer, token, cap, until } }, rows) =>
    rows.put(sessionKeys, { key, payer, token, cap, until: Number(until) }),
  ),

  onChannel('ChannelOpened', itsChannel, ({ args: { channelId, config }, time, block, logIndex }, rows) => {
    // One that was emptied opens again, with what it ever was.
    if (rows.get(channels, channelId)) return
    rows.put(channels, {
      id: channelId,
      payer: config.payer,
      payerAuthorizer: config.payerAuthorizer,
      receiver: config.receiver,
      receiverAuthorizer: config.receiverAuthorizer,
      token: config.token,
      withdrawDelay: Number(config.withdrawDelay),
      salt: config.salt,
      drawn: 0n,
      filled: 0n,
      claimed: 0n,
      fee: 0n,
      returned: 0n,
      drawnBack: 0n,
      leaving: 0n,
      leavesAt: 0,
      openedAt: time,
      block,
      logIndex,
    })
  }),
  onChannel(
    'Drawn',
    itsChannel,
    changeChannel(({ drawn }, { args }) => ({ drawn: drawn + args.amount })),
  ),
  onChannel(
    'ChannelFilled',
    itsChannel,
    changeChannel(({ filled }, { args }) => ({ filled: filled + args.amount })),
  ),
  onChannel(
    'ChannelClaimed',
    itsChannel,
    changeChannel(({ claimed, fee }, { args }) => ({
      claimed: claimed + args.amount,
      fee: fee + args.fee,
    })),
  ),
  onChannel(
    'ChannelReturned',
    itsChannel,
    changeChannel(({ returned, drawn, drawnBack }, { args: { amount } }) => {
      const isMore = amount > drawn - drawnBack
      return { returned: returned + amount, drawnBack: isMore ? drawn : drawnBack + amount }
    }),
  ),
  // Anybody announces a withdrawal of a channel that has never had money, and that nobody knows.
  onChannel('ChannelLeaving', itsChannel, (event, rows) => {
    const { channelId, amount, leavesAt } = event.args
    if (!rows.get(channels, channelId)) return
    rows.change(channels, channelId, () => ({ leaving: amount, leavesAt: Number(leavesAt) }))
  }),

  on(RECEIPTS)('Anchored', none, ({ args, block, logIndex, time, transaction }, rows) => {
    const { lease, worker, era, index, count, root } = args
    rows.add(anchors, {
      block,
      logIndex,
      lease,
      worker,
      era,
      batch: index,
      count,
      root,
      time,
      transaction,
    })
  }),
]
