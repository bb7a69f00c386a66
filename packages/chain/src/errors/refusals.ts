/**
 * Why the contracts refuse, in sentences, by their errors. `{name}` stands for an argument of the error, as
 * the contract writes it: a number in base units, an address.
 */
export const REFUSALS: Record<string, string> = {
  NotGrantsOwner: 'Only governance gives, confirms and cancels grants, through its Safe.',
  MilestoneCount: 'A grant has from 1 to {most} milestones, not {count}.',
  BadMilestone:
    'Milestone {index} can’t be: it needs an amount, a date within four years, and a stream of four years at the most.',
  PoolTooSmall:
    'The community pool has {free} units of {token} that nobody was granted, and this takes {needed}.',
  UnknownMilestone: 'Grant {id} has no milestone {index}.',
  ConfirmedAlready: 'Milestone {index} of grant {id} was confirmed before.',
  MilestoneOverdue: 'The milestone’s date is over: its money can only go back.',
  MilestoneNotOverdue: 'The milestone can still be confirmed, so its money can’t go back yet.',
  GrantNotOpen: 'There is no such grant, or it was cancelled.',
  BadQuote: 'The quote is not in the format of a TDX quote.',
  BadQuoteSignature: 'The quote is forged: the attestation key did not sign it.',
  BadQuotingEnclave: 'The quote is forged: this platform’s quoting enclave does not vouch for it.',
  DebugGuest: 'The guest runs in debug mode, so the host can look inside.',
  UnsafeGuest: 'The guest’s attributes are not safe.',
  UnknownPckKey: 'The platform is not registered.',
  CertificateRevoked: 'The platform’s certificate has been revoked.',
  CertificateNotValidNow: 'A certificate is not valid at this time.',
  NoTcbFloor: 'Nobody has set a TCB floor for this family of platforms yet.',
  TcbFloorExpired: 'The TCB floor of this family of platforms has expired.',
  TcbBelowFloor: 'The platform’s TCB is out of date: it is below the floor.',
  MeasurementNotAllowed: 'The guest’s measurement is not on the list of those that may earn.',
  EvidenceNotFresh: 'The quote is not fresh: it was made for another block.',
  EvidenceReplayed: 'The quote is a replay: newer evidence was handed in already.',
  EvidenceNotBound: 'The quote was made for another provider, worker, TLS key or network.',
  BlockUnknown: 'The block that the quote is bound to is too old, or not there yet.',
  NotWorker:
    'Only the worker itself may hand in its first quote, one after a gap, or one for another measurement or TLS key.',
  BadRows: 'The votes are not packed as they have to be.',
  BadSignature: 'That was not signed by whom it has to be signed by.',
  RevocationsOutdated:
    'The chain knows no fresh revocation list of the platform’s vendor. Anybody may post one; workers do.',
  PlatformHeld: 'The machine serves another provider, whose coverage of it has not ended.',
  BadCertificateSignature: 'A certificate is forged: its issuer did not sign it.',
  NotAnAuthority: 'The issuer’s certificate is not that of an authority.',
  NotAPckCertificate: 'The certificate is not that of a platform.',
  WorkerRetired: 'The worker is retired.',
  AppExists: 'You have registered an app of that name already.',
  UnknownApp: 'There is no such app.',
  NotAppOwner: 'Only the owner of the app may change it.',
  AppFrozen: 'The app is frozen: nothing new can be allowed.',
  SeatTaken: 'The seat is taken.',
  NoConsent: 'The worker did not consent that what runs on it has this seat.',
  ConsentExpired: 'The worker’s consent is too old. Ask the instance for another one.',
  VacatedRecently: 'The lease was put out of its seat within a day.',
  WorkerCovered: 'The worker is covered.',
  ProviderHasAnotherSeat: 'The provider has, or had, another seat of the key service.',
  GpuHeld: 'One of the GPUs was vouched for in another worker, and may not be in two at once.',
  GpusNotAsNamed: 'The GPUs are not those that the verdict names.',
  OwnPartTooSmall:
    'A tenth of a pool has to be its provider’s own: it has to put more in before others may, or leave last.',
  CollateralLocked:
    'That much of the pool is not there, or is collateral of GPUs in service, which holds the provider’s own stake.',
  NotReady: 'That takes 21 days, and they are not over.',
  NotYourExit: 'There is no such exit of this account’s.',
  TooFewShares: 'The account has fewer shares of the pool.',
  RedelegatedRecently: 'Stake can be moved to another pool once in 21 days.',
  ProviderStays:
    'A provider’s own stake can not be moved to another pool; it can leave with the waiting time.',
  SamePool: 'The two pools are the same.',
  NoContradiction: 'The two do not contradict each other.',
  NotSignedByWorker: 'The worker’s key did not sign that.',
  KnownAlready: 'That has been reported already.',
  NotRefused: 'The lease was not refused.',
  ReportedRecently:
    'That of this provider’s workers was reported within a day; one a day counts. Report it again when the day is over.',
  SlashedEnough:
    'The pool has lost as much to slashes lately as it may, a tenth at once and a tenth a week. Report it again in some days.',
  MovesHeld:
    'A slash of the pool is announced: until it is over stake can leave the pool, with the waiting time, but not move to another one.',
  ProposedRecently:
    'A slash of the pool was proposed lately; the next may be proposed 22 days after that one is over.',
  DepositTooSmall: 'The worker’s bid asks for a larger deposit.',
  BidOutdated: 'The bid is for the lease as it was before it was resized. Ask for another one.',
  AlreadyEarning: 'The lease has run for more than five minutes or was paid for, and ends by notice only.',
  OverAllotment: 'The account may not create so much.',
  OutOfService: 'The worker has not been covered for three weeks, and answers for nothing any more.',
  MixedTokens: 'Leases that are opened together are paid in one token.',
  NoRoom: 'The worker’s room has been taken by other leases since the bid.',
  ERC20InsufficientBalance: 'The account has too little of the token.',
  ERC20InsufficientAllowance:
    'The contract may not take that much of the token: the permit was used up by another transaction.',
  WrongManifest: 'The lease does not run the key service’s manifest.',

  // What any contract may refuse for.
  ZeroAddress: 'An address is missing: it must not be zero.',
  ZeroAmount: 'There is nothing to put in, to take out or to collect: the amount is zero.',
  ZeroHash: 'A hash is missing: it must not be zero.',
  OutOfBounds: '{value} is out of bounds: it has to be from {min} to {max}.',
  LengthsDiffer: 'Two lists that belong together have {first} and {second} elements.',
  UnknownWorker: 'Nobody has registered this worker.',
  NotProvider: 'Only the provider of the worker may do that, and a verdict has to name it.',
  WorkerNotCovered: 'The worker is not covered: its attestation has run out, or it never attested.',
  LeaseNotOpen: 'There is no such lease, or it has ended.',
  NotAnnounced: 'That is not announced, or it was made or called off.',
  TooEarly: 'That was announced, and has to wait longer.',
  TooLate: 'That was announced too long ago, and has to be announced again.',

  // Leases.
  NotTenant: 'Only the tenant may do that.',
  BidExpired: 'The bid has expired.',
  BidTaken: 'The bid has been taken already.',
  MayNotClose:
    'Only the tenant may close the lease now; its provider may once notice has run out or the deposit is used up.',
  TokenNotAllowed: 'The contract does not take this token.',
  TooManyTokens: 'The contract has taken 256 tokens, and can not take another one.',

  // Models, vouchers and receipts.
  BadOffer: 'A model’s name has from 1 to 128 bytes, and an offer’s options 8,192 at the most.',
  NoOffer: 'The lease offers no model.',
  KeyTaken: 'The key is another account’s, or was registered for another token.',
  NothingDrawn:
    'Nothing can be drawn from the purse: there is nothing new to draw, the draw is not signed by the payer or a key of its, the key is over or used up, the purse is empty, or the channel can not be (reason {reason}).',
  NotPaidIn: 'The token did not move what was to be paid in.',
  NotPayer: 'Only the channel’s payer may do that, or its key while the payer does not.',
  NothingAnnounced: 'A withdrawal has to be announced first.',
  NotYet: 'The withdrawal was announced, and has to wait until {from} (Unix seconds).',
  BadNonce: 'The refund is not the channel’s next one: that is number {next}.',
  NotLeaseWorker: 'Only the worker that serves the lease may anchor receipts of it.',
  UnknownBatch: 'The worker has anchored no such batch of receipts.',
  NotReceivers: 'Only the contract that gave the address out may take what is at it.',
  FailedDeployment: 'A contract could not be created.',
  InsufficientBalance: 'The contract has {balance} wei and needs {needed}.',
  NotCharged: 'The receipt is for something else than this charge.',
  NoOvercharge: 'That is no overcharge: {amount} is what the offer asks, or less ({price}).',
  NotProvidersLease:
    'The lease is not one that a provider opened on its own worker: nobody’s stake answers for its charges.',

  // Workers and platforms.
  AlreadyRegistered: 'The worker is registered already.',
  NotProviderOrWorker: 'Only the worker, or its provider, may do that.',
  GasTooLow: 'The transaction has too little gas left: it needs {needed}.',
  InstantTooOld: 'What was covered so long ago is no longer known.',
  NotAVerifier: 'One who signed the verdict is not a worker that may verify others now.',
  TooFewVerdicts: 'Too few verifiers signed the verdict: {found}, where {needed} have to.',
  VerifierNotIndependent:
    'Two who signed the verdict are of one provider, or one is of the provider that it is about.',
  WrongKind: 'The verdict is about something else: GPUs where it should be a guest, or the other way round.',
  BadCertificate: 'The certificate or revocation list is not well-formed.',
  BadDer: 'The certificate or revocation list is not well-formed.',
  BadPck: 'The certificate of the platform is not well-formed.',
  UnknownCriticalExtension: 'The certificate has a critical extension that the contract does not know.',
  ListNotValidYet: 'The revocation list is of a time that is yet to come.',
  DevelopmentRootOutsideDevelopment: 'A development root is refused on every chain but a development one.',
  NotAnAccount: 'The fund pays accounts back, not contracts.',
  PieceNotStored: 'A piece of the list is not stored, or too long.',
  SuspendedRecently:
    'The measurement, or the family of platforms, was suspended lately and can not be again yet.',

  // Stake, emission and the token.
  NoShares: 'The amount is too small to bring a share of the pool.',
  UnsettledEpochs: 'The pool has more to settle than one transaction can. Settle it first, then try again.',
  NotSlasher: 'Only the slashing contract may do that.',
  NotStake: 'Only the stake contract may do that.',
  NotWorkers: 'Only the workers’ contract may do that.',
  OverSchedule: 'That is more than the schedule has emitted so far.',
  OverCap: 'That is more of the token than is left to allot: {left}.',

  // Apps and the key service.
  EmptyName: 'An app has to have a name.',
  NotPendingOwner: 'The app was not offered to this account.',
  TooMany: 'That is too many at once: {found}, where {max} fit.',
  NoSuchSeat: 'There are the seats 0, 1 and 2.',
  OneSeatAtATime: 'An instance of the key service was put out within a week; one a week may be.',

  // Tokens of an old chain.
  NotALeaf: 'That is not what the account owned on the old chain, or not its place in the list.',
  AlreadyClaimed: 'The account’s tokens were claimed before.',
  NotVesting: 'Nobody has claimed the account’s tokens yet, or all of them were paid then.',
  WrongSigner: 'The signature at {index} is of another account than the one that has to sign there.',
  WindowOver: 'Claims were taken until {windowEnd} (Unix seconds).',
  WindowOpen:
    'Claims are taken until {windowEnd} (Unix seconds); what is left goes to the treasury after that.',
  NoPrecompile: 'This chain has no BLAKE2b (EIP-152), by which accounts of the old chain are named.',

  // Ballots and voting power.
  NotOverYet: 'Voting power is known of seconds that are over, and {time} (Unix seconds) is not.',
  UnknownBallot: 'There is no such ballot.',
  WrongState: 'The ballot is not in a state in which that can be done.',
  TooLittlePower: 'To propose that takes a voting power of {needed}, and this account has {found}.',
  NoPowerThen: 'This account had no voting power when the ballot began, or none that is not counted yet.',
  NoSuchChoice: 'The ballot has no such choice.',
  BadBallot: 'A ballot of this kind can not have so many choices, candidates or calls.',
  WrongTrack: 'There is no such track, or it is not for this.',
  OverBudget:
    'Ballots of this track may move {left} units of {token} now, and this one moves {amount}: it can be executed when the track’s budget has room again, until it expires. `cloister vote show` says when.',
  NotTheBallots: 'Only the contract of ballots may do that.',
  CallNotAllowed: 'Ballots of this track may not make call {index}, or not for so much.',
  OtherCalls: 'The calls are not those that were proposed.',
  CallFailed: 'Call {index} of the ballot failed, or could not be announced.',
  CannotBeVetoed: 'These calls were vetoed before, and can not be again.',
  BondAlreadyPaid: 'The bond of this ballot was paid already.',
  NotTheSafe: 'Only the Safe may do that, which does what ballots decide.',
  NotABrake: 'Only the council or the technical committee may do that.',

  // Councils.
  NotAMember: 'This account has no seat in the council, or its term is over.',
  MotionOver: 'There is no such motion, or it was carried or is over.',
  SecondedBefore: 'This member is for the motion already.',
  NotThisBody: 'This council does not do that.',
  OverAllowance: 'The council may spend {left} more for now, which is less than {asked}.',
  NotAnElection: 'That is no election of this council that was decided lately and later than the last one.',
  PaymentFailed: 'The Safe could not pay that.',

  // What OpenZeppelin's contracts refuse for.
  ERC5805FutureLookup: 'Votes are known of seconds that are over.',
  VotesExpiredSignature: 'The registration of votes has expired.',
  ERC20ExceededSafeSupply: 'There would be more of the token than votes can count.',
  CheckpointUnorderedInsertion: 'What is written down would be older than what was.',
  OwnableUnauthorizedAccount: 'Only governance may do that.',
  OwnableInvalidOwner: 'A contract can not be owned by nobody.',
  ERC20ExceededCap: 'There would be more of the token than there can ever be.',
  ERC20InvalidApprover: 'An allowance has to be somebody’s.',
  ERC20InvalidCap: 'A token has to have a cap.',
  ERC20InvalidReceiver: 'Tokens can not be sent to the zero address.',
  ERC20InvalidSender: 'Tokens can not be sent from the zero address.',
  ERC20InvalidSpender: 'An allowance has to be for somebody.',
  ERC2612ExpiredSignature: 'The permit has expired.',
  ERC2612InvalidSigner: 'The permit was not signed by the account that it is for.',
  InvalidAccountNonce: 'The permit was used already, or comes out of order.',
  ECDSAInvalidSignature: 'The signature is none.',
  ECDSAInvalidSignatureLength: 'The signature is not of the length that one has.',
  ECDSAInvalidSignatureS: 'The signature is not in the one form that is accepted.',
  SafeCastOverflowedUintDowncast: 'The amount is larger than the contract can count.',
  SafeERC20FailedOperation: 'The token did not do what it was asked.',
  InvalidShortString: 'A name in the contract is not well-formed.',
  StringTooLong: 'A name in the contract is too long.',
}

/** The sentence for a contract's error with its arguments in place; undefined where there is none. */
export function refusalOf(name: string, args: Readonly<Record<string, unknown>>): string | undefined {
  return REFUSALS[name]?.replace(/\{(\w+)\}/g, (whole, argument: string) => String(args[argument] ?? whole))
}
