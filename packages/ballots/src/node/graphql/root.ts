import { formatAmount } from '@cloister/core'
import { type Address, getAddress, type Hex, isAddress } from 'viem'
import type { Ballot } from '../../ballot.ts'
import { mostPower } from '../../tally/power.ts'
import type { Hub } from '../hub.ts'
import type { StoredVote } from '../store.ts'
import { arranged, type Page, rangeOf, valuesOf } from './filters.ts'

const SYMBOL = 'CLOI'
const DECIMALS = 18
/** Votes given at once, and how far on in a list, as with Snapshot's hub. */
const MOST_FIRST = 1_000
const MOST_SKIP = 50_000

/** Resolvers for the fields of `Query`, over what a hub has. */
export function rootOf(hub: Hub) {
  const { source, store, space, chain, now } = hub.parts
  const ballotOf = (id: string) => (isId(id) ? source.find(id) : undefined)
  const spaceOf = () => ({
    id: space,
    name: chain.network.name,
    network: String(chain.network.chainId),
    symbol: SYMBOL,
    private: false,
    verified: false,
    strategies: strategiesOf(chain.network.chainId),
    admins: [],
    members: [],
    filters: { minScore: 0, onlyMembers: false },
    plugins: {},
  })

  function proposalOf(ballot: Ballot) {
    const { id, choices, track, postingEnd } = ballot
    const count = () => hub.count(ballot)
    return {
      ...shortOf(ballot, now()),
      ipfs: null,
      updated: null,
      space: spaceOf,
      network: String(chain.network.chainId),
      symbol: SYMBOL,
      strategies: strategiesOf(chain.network.chainId),
      validation: { name: 'any', params: {} },
      plugins: { cloister: { track, postingEnd } },
      body: ballot.body,
      discussion: '',
      labels: [],
      quorum: 0,
      quorumType: 'default',
      privacy: '',
      link: '',
      app: 'cloister',
      flagged: false,
      scores: () => count().scores.map(toFloat),
      scores_by_strategy: () => count().scores.map((score) => [toFloat(score)]),
      scores_state: now() < ballot.end ? 'pending' : 'final',
      scores_total: () => toFloat(count().total),
      scores_updated: now,
      scoresExact: () => count().scores.map(String),
      scoresTotalExact: () => String(count().total),
      votes: () => store.standOf(id).voters,
      choices,
    }
  }

  async function voteOf({ vote, content, power }: StoredVote) {
    const ballot = await source.find(vote.proposal)
    const weight = () => (ballot && hub.count(ballot).weights.get(vote.id)) ?? mostPower(power)
    return {
      id: vote.id,
      ipfs: content,
      voter: vote.from,
      created: vote.timestamp,
      space: spaceOf,
      proposal: ballot && shortOf(ballot, now()),
      choice: ballot?.kind === 'weighted' ? JSON.parse(String(vote.choice)) : vote.choice,
      metadata: parsed(vote.metadata),
      reason: vote.reason,
      app: vote.app,
      vp: () => toFloat(weight()),
      vp_by_strategy: () => [toFloat(weight())],
      vp_state: 'final',
      vpExact: () => String(weight()),
    }
  }

  return {
    space: ({ id }: { id?: string }) => (id === space ? spaceOf() : null),
    spaces: ({ where = {} }: Page) => (valuesOf(where, 'id')?.includes(space) === false ? [] : [spaceOf()]),
    proposal: async ({ id = '' }: { id?: string }) => {
      const ballot = await ballotOf(id)
      return ballot ? proposalOf(ballot) : null
    },
    proposals: async (page: Page) => {
      const short = (await source.list()).map((ballot) => ({ ballot, ...shortOf(ballot, now()), space }))
      return arranged(short, bounded(page)).map(({ ballot }) => proposalOf(ballot))
    },
    vote: ({ id = '' }: { id?: string }) => {
      const stored = isId(id) ? store.find(id) : undefined
      return stored ? voteOf(stored) : null
    },
    votes: (page: Page) => {
      const { first, skip, where = {}, orderDirection } = bounded(page)
      if (valuesOf(where, 'space')?.includes(space) === false) return []
      const [createdFrom, createdTo] = rangeOf(where, 'created')
      const query = {
        ids: valuesOf(where, 'id')?.filter(isId),
        proposals: valuesOf(where, 'proposal')?.filter(isId),
        voters: valuesOf(where, 'voter')?.flatMap((one): Address[] =>
          isAddress(one, { strict: false }) ? [getAddress(one)] : [],
        ),
        createdFrom,
        createdTo,
        oldestFirst: orderDirection === 'asc',
        first,
        skip,
      }
      return store.select(query).map(voteOf)
    },
    vp: async ({ voter = '', proposal = '' }: { voter?: string; proposal?: string }) => {
      const ballot = await ballotOf(proposal)
      if (!ballot || !isAddress(voter, { strict: false })) return null
      const power = mostPower(await source.powerOf(ballot, getAddress(voter)))
      return {
        vp: toFloat(power),
        vp_by_strategy: [toFloat(power)],
        vp_state: 'final',
        vpExact: String(power),
      }
    },
  }
}

/** What of a ballot lists are filtered by. */
function shortOf(ballot: Ballot, now: number) {
  const { id, proposer, proposedAt, kind, title, choices, start, end, powerTime } = ballot
  const state = now < start ? 'pending' : now < end ? 'active' : 'closed'
  return {
    id,
    author: proposer,
    created: proposedAt,
    type: kind,
    title,
    choices,
    start,
    end,
    state,
    // Snapshot has a block's number there; power is fixed at a second here.
    snapshot: String(powerTime),
  }
}

function strategiesOf(chainId: number) {
  return [
    { name: 'cloister-power', network: String(chainId), params: { symbol: SYMBOL, decimals: DECIMALS } },
  ]
}

function bounded({ first = 20, skip = 0, ...rest }: Page) {
  const within = (value: number, most: number) => Math.min(Math.max(Math.trunc(value), 0), most)
  return { ...rest, first: within(first, MOST_FIRST), skip: within(skip, MOST_SKIP) }
}

function isId(text: string): text is Hex {
  return /^0x[0-9a-f]{64}$/.test(text)
}

/** As Snapshot shows power: tokens in floating point. What is exact has a field of its own. */
function toFloat(amount: bigint): number {
  return Number(formatAmount(amount, DECIMALS))
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return {}
  }
}
