export { type Audit, auditBallot, type Discrepancy } from './audit.ts'
export type { Ballot, BallotSource, ReadText } from './ballot.ts'
export { ballotOf, ChainSource, readPower } from './chain-source.ts'
export { type Document, parseDocument, publishDocument } from './document.ts'
export { HubClient, parseVotes } from './hub-client.ts'
export { checkHubKey, hubKeyAt } from './hub-keys.ts'
export { type KeptVote, parseKeptVote, writeKeptVote } from './kept-vote.ts'
export {
  BASIC_CHOICES,
  type Choice,
  KINDS,
  type Kind,
  MOST_CHOICES,
  parseKind,
  readChoice,
} from './messages/choice.ts'
export { contentIdOf } from './messages/content-id.ts'
export { parseEnvelope, writeEnvelope } from './messages/envelope.ts'
export { choiceBytes } from './messages/packed.ts'
export {
  idOfVote,
  type RawChoice,
  replaces,
  type SignedVote,
  tagOf,
  type Vote,
  voteTypedData,
} from './messages/vote.ts'
export { type LeftOut, type PostedBatch, type PostPlan, planPost, postDue, type SkipReason } from './post.ts'
export { isReceiptOf, Receipt } from './receipt.ts'
export { type Count, countVotes } from './tally/count.ts'
export { bitsOf, mostPower, type Part, partsWith, type VotingPower, weigh } from './tally/power.ts'
export { type CountedVote, scoresOf, type Tally, tally } from './tally/tally.ts'
