import { buildSchema } from 'graphql'

/**
 * What of the Snapshot hub's schema (snapshot-labs/snapshot-hub, src/graphql/schema.gql) there is here: names
 * and types are the same, so that its tools' queries are answered. Fields that end in `Exact` are ours.
 */
export const SCHEMA = buildSchema(`
  scalar Any

  type Query {
    space(id: String): Space
    spaces(first: Int = 20, skip: Int = 0, where: SpaceWhere): [Space]
    proposal(id: String): Proposal
    proposals(first: Int = 20, skip: Int = 0, where: ProposalWhere, orderBy: String, orderDirection: OrderDirection): [Proposal]
    vote(id: String): Vote
    votes(first: Int = 20, skip: Int = 0, where: VoteWhere, orderBy: String, orderDirection: OrderDirection): [Vote]
    vp(voter: String, space: String, proposal: String): Vp
  }

  enum OrderDirection { asc desc }

  input SpaceWhere { id: String, id_in: [String] }
  input ProposalWhere {
    id: String, id_in: [String], space: String, space_in: [String], author: String, author_in: [String]
    type: String, type_in: [String], state: String, title_contains: String
    created: Int, created_gt: Int, created_gte: Int, created_lt: Int, created_lte: Int
    start: Int, start_gt: Int, start_gte: Int, start_lt: Int, start_lte: Int
    end: Int, end_gt: Int, end_gte: Int, end_lt: Int, end_lte: Int
  }
  input VoteWhere {
    id: String, id_in: [String], space: String, space_in: [String], voter: String, voter_in: [String]
    proposal: String, proposal_in: [String]
    created: Int, created_gt: Int, created_gte: Int, created_lt: Int, created_lte: Int
  }

  type Space {
    id: String, name: String, network: String, symbol: String, private: Boolean, verified: Boolean
    strategies: [Strategy], admins: [String], members: [String], filters: Filters, plugins: Any
  }
  type Filters { minScore: Float, onlyMembers: Boolean }
  type Strategy { name: String, network: String, params: Any }
  type Validation { name: String, params: Any }

  type Proposal {
    id: String, ipfs: String, author: String, created: Int, updated: Int, space: Space, network: String, symbol: String
    type: String, strategies: [Strategy], validation: Validation, plugins: Any, title: String, body: String
    discussion: String, choices: [String], labels: [String], start: Int, end: Int, quorum: Float, quorumType: String
    privacy: String, snapshot: String, state: String, link: String, app: String, flagged: Boolean
    scores: [Float], scores_by_strategy: Any, scores_state: String, scores_total: Float, scores_updated: Int
    votes: Int, scoresExact: [String], scoresTotalExact: String
  }

  type Vote {
    id: String, ipfs: String, voter: String, created: Int, space: Space, proposal: VotedProposal, choice: Any
    metadata: Any, reason: String, app: String, vp: Float, vp_by_strategy: [Float], vp_state: String, vpExact: String
  }
  type VotedProposal {
    id: String, author: String, created: Int, type: String, title: String, choices: [String], start: Int, end: Int
    state: String, snapshot: String
  }
  type Vp { vp: Float, vp_by_strategy: [Float], vp_state: String, vpExact: String }
`)
